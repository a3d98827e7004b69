// Calls a server through node-vault, and prints what that made of each answer as one
// JSON object for each call.
//
// Arguments: the address of the server, a root token, and its unseal key.

const nodeVault = require('node-vault')

const [endpoint, token, unsealKey] = process.argv.slice(2)
const root = nodeVault({ endpoint, token })
// What makes a token leaves it behind in its client.
const maker = () => nodeVault({ endpoint, token })

async function told (call, promise) {
  try {
    const answer = await promise
    console.log(JSON.stringify({ call, ok: answer ?? null }))
    return answer
  } catch (error) {
    const response = error.response
    const failed = response
      ? { message: error.message, status: response.statusCode, body: response.body }
      : { message: error.message }
    console.log(JSON.stringify({ call, failed }))
  }
}

async function state () {
  const { initialized } = await root.initialized()
  console.log(JSON.stringify({ call: 'initialized', ok: initialized }))
  const { sealed, t, n, progress, type } = await root.status()
  console.log(JSON.stringify({ call: 'status', ok: { sealed, t, n, progress, type } }))
  const { standby } = await root.health({ standbyok: true })
  console.log(JSON.stringify({ call: 'health', ok: { standby } }))
  const { standby: elsewhere } = await root.leader()
  console.log(JSON.stringify({ call: 'leader', ok: elsewhere ?? null }))
}

async function kv () {
  await told('mount', root.mount({
    mount_point: 'node', type: 'kv', options: { version: '2' }, description: 'of node-vault'
  }))
  await told('mount again', root.mount({ mount_point: 'node', type: 'kv' }))
  const { data } = await root.mounts()
  console.log(JSON.stringify({ call: 'mounts', ok: data['node/'] }))
  const orders = 'node/data/app/orders'
  await told('write', root.write(orders, { data: { password: 'first' } }))
  await told('write with cas', root.write(orders, { data: { password: 'second' }, options: { cas: 1 } }))
  await told('write with a wrong cas', root.write(orders, { data: {}, options: { cas: 1 } }))
  await told('update', root.update(orders, { data: { user: 'orders' }, options: { cas: 2 } }))
  await told('read', root.read(orders))
  await told('read a version', root.read(`${orders}?version=1`))
  await told('list', root.list('node/metadata/app'))
  await told('list without the verb LIST', nodeVault({ endpoint, token, noCustomHTTPVerbs: true })
    .list('node/metadata/app'))
  await told('list of nothing', root.list('node/metadata/none'))
  await told('delete', root.delete(orders))
  await told('read of what is deleted', root.read(orders))
  await told('undelete', root.write('node/undelete/app/orders', { versions: [3] }))
  await told('destroySecretVersions', root.destroySecretVersions({
    mount_point: 'node', path: 'app/orders', versions: [1]
  }))
  await told('read metadata', root.read('node/metadata/app/orders'))
  await told('delete metadata', root.delete('node/metadata/app/orders'))
  await told('help', root.help('node/config').then(help => Object.keys(help).sort()))
  await told('remount', root.remount({ from: 'node', to: 'moved' }).then(() => null))
  let moved
  do moved = (await root.mounts()).data['moved/']; while (!moved)
  await told('unmount', root.unmount({ mount_point: 'moved' }))
}

async function policies () {
  const rules = 'path "node/data/*" { capabilities = ["read"] }'
  await told('addPolicy', root.addPolicy({ name: 'reader', rules }))
  await told('addPolicy that is wrong', root.addPolicy({ name: 'wrong', rules: 'path' })
    .catch(error => { throw new Error(`${error.response.statusCode}`) }))
  await told('getPolicy', root.getPolicy({ name: 'reader' }))
  await told('policies', root.policies())
}

async function tokens () {
  const made = await told('tokenCreate', maker().tokenCreate({
    policies: ['reader'], ttl: '1h', meta: { team: 'payments' }
  }))
  const { client_token: text, accessor } = made.auth
  await told('tokenLookup', root.tokenLookup({ token: text }))
  await told('tokenLookupAccessor', root.tokenLookupAccessor({ accessor }))
  await told('tokenRenew', maker().tokenRenew({ token: text, increment: '2h' }))
  const own = nodeVault({ endpoint, token: text })
  await told('tokenLookupSelf', own.tokenLookupSelf())
  await told('tokenRenewSelf', own.tokenRenewSelf({ increment: '30m' }))
  await told('tokenRevokeSelf', own.tokenRevokeSelf())
  await told('tokenLookupSelf when revoked', own.tokenLookupSelf())
  const orphan = await told('tokenCreateOrphan', maker().tokenCreateOrphan({ ttl: '1h' }))
  await told('tokenRevokeAccessor', root.tokenRevokeAccessor({ accessor: orphan.auth.accessor }))
  await told('addTokenRole', root.addTokenRole({ role_name: 'ci', orphan: true, period: 3600 }))
  await told('getTokenRole', root.getTokenRole({ role_name: 'ci' }))
  await told('tokenRoles', root.tokenRoles())
  await told('tokenCreateRole', maker().tokenCreateRole({ role_name: 'ci', policies: ['reader'] }))
  await told('removeTokenRole', root.removeTokenRole({ role_name: 'ci' }))
  const accessors = await root.tokenAccessors()
  console.log(JSON.stringify({ call: 'tokenAccessors', ok: accessors.data.keys.length > 1 }))
}

async function approle () {
  const at = { mount_point: 'machines', role_name: 'orders' }
  await told('enableAuth', root.enableAuth({ mount_point: 'machines', type: 'approle' }))
  const { data } = await root.auths()
  console.log(JSON.stringify({ call: 'auths', ok: data['machines/'] }))
  await told('addApproleRole', root.addApproleRole({
    ...at, policies: 'reader', token_ttl: 600, secret_id_num_uses: 2
  }))
  await told('getApproleRole', root.getApproleRole(at))
  await told('approleRoles', root.approleRoles(at))
  await told('updateApproleRoleId', root.updateApproleRoleId({ ...at, role_id: 'orders-id' }))
  await told('getApproleRoleId', root.getApproleRoleId(at))
  const made = await told('getApproleRoleSecret', root.getApproleRoleSecret({
    ...at, metadata: '{"team": "payments"}'
  }))
  const { secret_id: secretId, secret_id_accessor: accessor } = made.data
  await told('approleSecretAccessors', root.approleSecretAccessors(at))
  await told('approleSecretLookup', root.approleSecretLookup({ ...at, secret_id: secretId }))
  await told('approleSecretAccessorLookup', root.approleSecretAccessorLookup({
    ...at, secret_id_accessor: accessor
  }))
  const login = { mount_point: 'machines', role_id: 'orders-id', secret_id: secretId }
  const service = nodeVault({ endpoint })
  await told('approleLogin', service.approleLogin(login))
  await told('tokenLookupSelf after a login', service.tokenLookupSelf())
  await told('approleSecretAccessorDestroy', root.approleSecretAccessorDestroy({
    ...at, secret_id_accessor: accessor
  }))
  await told('approleLogin with a destroyed secret id', nodeVault({ endpoint }).approleLogin(login))
  await told('deleteApproleRole', root.deleteApproleRole(at))
  await told('disableAuth', root.disableAuth({ mount_point: 'machines' }))
}

async function wrapping () {
  const wrapped = await told('a wrapped answer', root.read('sys/policy/reader', {
    headers: { 'X-Vault-Wrap-TTL': '60s' }
  }))
  const holder = wrapped.wrap_info.token
  await told('unwrap', maker().unwrap({ token: holder }))
  await told('unwrap again', maker().unwrap({ token: holder }))
  await told('removePolicy', root.removePolicy({ name: 'reader' }))
}

async function seal () {
  await told('rotate', root.rotate())
  await told('seal', root.seal())
  await state()
  await told('read when sealed', root.read('sys/policy/reader'))
  await told('unseal with a wrong share', root.unseal({ key: 'A'.repeat(43) + '=' })
    .catch(error => { throw new Error(`${error.response.statusCode}`) }))
  await told('unseal', root.unseal({ key: unsealKey }).then(({ sealed }) => ({ sealed })))
  await state()
}

async function all () {
  await state()
  await kv()
  await policies()
  await tokens()
  await approle()
  await wrapping()
  await seal()
}

all().catch(error => { console.error(error); process.exitCode = 1 })
