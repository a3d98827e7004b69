# A team's load test of its Vault, as it is written for Slapper. The test puts the
# address of a server, and a role id and a secret id, in the places of these; and
# `slapper` on the path.

echo "GET https://vaultunstable/v1/v1/prod/kv/metadata?list=true
GET https://vaultunstable/v1/v1/prod/kv/data/timeless_test" > get-list-targets.txt

slapper \
	-rate 300  \
	-minY 1ms -maxY 40ms  \
	-H "X-Vault-Token: ${VAULT_TOKEN}" \
	-H "X-Vault-Request: true"  \
   	-targets get-list-targets.txt

# _____________________________________________________________

echo 'POST https://vaultunstable/v1/auth/approle/login
$ { "role_id": "ROLE_ID", "secret_id": "SECRET_ID" }
' > auth-login-targets.txt

slapper \
	-rate 160  \
	-minY 2ms -maxY 90ms  \
	-H "X-Vault-Token: ${VAULT_TOKEN}" \
	-H "X-Vault-Request: true"   \
	-targets auth-login-targets.txt

# _____________________________________________________________

echo 'POST https://vaultunstable/v1/v1/prod/kv/data/timeless_test
$ {"data": { "PROD_test_key_1": "PROD_test_value_1", "PROD_test_key_2": "PROD_test_value_2" }}
POST https://vaultunstable/v1/v1/stag/kv/data/timeless_test
$ {"data": { "STAG_test_key_1": "STAG_test_value_1", "STAG_test_key_2": "STAG_test_value_2" }}
POST https://vaultunstable/v1/v1/devel/kv/data/timeless_test
$ {"data": { "DEVEL_test_key_1": "DEVEL_test_value_1", "DEVEL_test_key_2": "DEVEL_test_value_2" }}
POST https://vaultunstable/v1/v1/ci/kv/data/timeless_test
$ {"data": { "CI_test_key_1": "CI_test_value_1", "CI_test_key_2": "CI_test_value_2" }}
POST https://vaultunstable/v1/v1/common/kv/data/timeless_test
$ {"data": { "COMMON_test_key_1": "COMMON_test_value_1", "COMMON_test_key_2": "COMMON_test_value_2" }}
GET https://vaultunstable/v1/v1/prod/kv/data/timeless_test
GET https://vaultunstable/v1/v1/stag/kv/data/timeless_test
GET https://vaultunstable/v1/v1/devel/kv/data/timeless_test
GET https://vaultunstable/v1/v1/ci/kv/data/timeless_test
GET https://vaultunstable/v1/v1/common/kv/data/timeless_test
DELETE https://vaultunstable/v1/v1/prod/kv/data/timeless_test
DELETE https://vaultunstable/v1/v1/stag/kv/data/timeless_test
DELETE https://vaultunstable/v1/v1/devel/kv/data/timeless_test
DELETE https://vaultunstable/v1/v1/ci/kv/data/timeless_test
DELETE https://vaultunstable/v1/v1/common/kv/data/timeless_test' > store-retrieve-delete-targets.txt

slapper \
	-rate 500 \
	-minY 2ms\
	-maxY 90ms \
	-H "X-Vault-Token: ${VAULT_TOKEN}"\
	-H "X-Vault-Request: true"  \
	-targets  store-retrieve-delete-targets.txt

# _____________________________________________________________

echo 'POST https://vaultunstable/v1/v1/prod/kv/data/timeless_test
$ {"data": { "PROD_test_key_1": "PROD_test_value_1", "PROD_test_key_2": "PROD_test_value_2" }}
GET https://vaultunstable/v1/v1/prod/kv/data/timeless_test
DELETE https://vaultunstable/v1/v1/prod/kv/data/timeless_test' > store-retrieve-delete-targets.txt

slapper \
	-rate 500 \
	-minY 2ms\
	-maxY 90ms \
	-H "X-Vault-Token: ${VAULT_TOKEN}"\
	-H "X-Vault-Request: true"  \
	-targets  store-retrieve-delete-targets.txt
