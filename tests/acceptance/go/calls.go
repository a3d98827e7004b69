package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hashicorp/vault/api"
	"github.com/hashicorp/vault/api/auth/approle"
)

// patience is how long a renewal or an end is waited for.
const patience = time.Minute

// A told call has what came of it: the answer, or the error.
type told struct {
	Call   string `json:"call"`
	OK     any    `json:"ok,omitempty"`
	Failed any    `json:"failed,omitempty"`
}

// A run makes calls as one client, one after the other.
type run struct {
	client *api.Client
	told   []told
}

// calls makes every call of Vault's own client that programs make of a server, and
// tells what came of each. `creds` is the path of credentials that have a lease.
func calls(client *api.Client, creds string) ([]told, error) {
	run := &run{client: client}
	for _, part := range []func() error{
		run.state, run.mounts, run.kv, run.policies, run.tokens, run.approle, run.wrapping,
		func() error { return run.leases(creds) },
	} {
		if err := part(); err != nil {
			return run.told, err
		}
	}
	return run.told, nil
}

func (r *run) tell(call string, answer any, err error) {
	if err == nil {
		if answer == nil {
			answer = true
		}
		r.told = append(r.told, told{Call: call, OK: answer})
		return
	}
	var response *api.ResponseError
	if errors.As(err, &response) {
		failed := map[string]any{"status": response.StatusCode, "errors": response.Errors}
		r.told = append(r.told, told{Call: call, Failed: failed})
		return
	}
	r.told = append(r.told, told{Call: call, Failed: err.Error()})
}

func (r *run) state() error {
	sys := r.client.Sys()
	health, err := sys.Health()
	if err != nil {
		return err
	}
	r.tell("Sys.Health", []bool{health.Initialized, health.Sealed, health.Standby}, nil)
	status, err := sys.SealStatus()
	if err != nil {
		return err
	}
	r.tell("Sys.SealStatus", []any{status.Type, status.Sealed, status.T, status.N}, nil)
	initialized, err := sys.InitStatus()
	r.tell("Sys.InitStatus", initialized, err)
	key, err := sys.KeyStatus()
	if err != nil {
		return err
	}
	r.tell("Sys.KeyStatus", key.Term, nil)
	return nil
}

func (r *run) mounts() error {
	sys := r.client.Sys()
	second := &api.MountInput{
		Type: "kv", Description: "of Go", Options: map[string]string{"version": "2"},
	}
	r.tell("Sys.Mount", nil, sys.Mount("go", second))
	r.tell("Sys.Mount again", nil, sys.Mount("go", second))
	r.tell("Sys.Mount kv version 1", nil, sys.Mount("plain", &api.MountInput{Type: "kv"}))
	tuned := api.MountConfigInput{DefaultLeaseTTL: "2h", MaxLeaseTTL: "24h"}
	r.tell("Sys.TuneMount", nil, sys.TuneMount("plain", tuned))
	config, err := sys.MountConfig("plain")
	r.tell("Sys.MountConfig", config, err)
	all, err := sys.ListMounts()
	if err != nil {
		return err
	}
	mount := all["go/"]
	r.tell("Sys.ListMounts", []any{mount.Type, mount.Description, mount.Options}, nil)
	one, err := sys.GetMount("plain")
	if err == nil {
		r.tell("Sys.GetMount", []any{one.Type, one.Config.DefaultLeaseTTL}, nil)
	} else {
		r.tell("Sys.GetMount", nil, err)
	}
	r.tell("Sys.Remount", nil, sys.Remount("plain", "moved"))
	r.tell("Sys.Remount of what is gone", nil, sys.Remount("plain", "elsewhere"))
	return nil
}

func (r *run) kv() error {
	all := context.Background()
	plain := r.client.KVv1("moved")
	r.tell("KVv1.Put", nil, plain.Put(all, "app/orders", map[string]any{"password": "first"}))
	first, err := plain.Get(all, "app/orders")
	r.tell("KVv1.Get", data(first), err)
	r.tell("KVv1.Delete", nil, plain.Delete(all, "app/orders"))
	_, err = plain.Get(all, "app/orders")
	r.tell("KVv1.Get of what is gone", nil, err)
	r.tell("Sys.Unmount", nil, r.client.Sys().Unmount("moved"))

	kv := r.client.KVv2("go")
	for count, value := range []string{"first", "second", "third"} {
		put, err := kv.Put(all, "app/orders", map[string]any{"password": value}, api.WithCheckAndSet(count))
		r.tell("KVv2.Put", data(put), err)
	}
	_, err = kv.Put(all, "app/orders", map[string]any{}, api.WithCheckAndSet(1))
	r.tell("KVv2.Put with a wrong cas", nil, err)
	_, err = kv.Patch(all, "app/orders", map[string]any{"user": "orders"})
	r.tell("KVv2.Patch", nil, err)
	_, err = kv.Patch(all, "app/orders", map[string]any{"user": nil}, api.WithMergeMethod("rw"))
	r.tell("KVv2.Patch by reading and writing", nil, err)
	_, err = kv.Rollback(all, "app/orders", 1)
	r.tell("KVv2.Rollback", nil, err)
	now, err := kv.Get(all, "app/orders")
	r.tell("KVv2.Get", data(now), err)
	second, err := kv.GetVersion(all, "app/orders", 2)
	r.tell("KVv2.GetVersion", data(second), err)
	metadata := api.KVMetadataPutInput{
		MaxVersions: 8, CustomMetadata: map[string]any{"team": "payments"},
	}
	r.tell("KVv2.PutMetadata", nil, kv.PutMetadata(all, "app/orders", metadata))
	patch := api.KVMetadataPatchInput{CustomMetadata: map[string]any{"tier": "1"}}
	r.tell("KVv2.PatchMetadata", nil, kv.PatchMetadata(all, "app/orders", patch))
	r.tell("KVv2.Delete", nil, kv.Delete(all, "app/orders"))
	deleted, err := kv.Get(all, "app/orders")
	r.tell("KVv2.Get of what is deleted", data(deleted), err)
	r.tell("KVv2.Undelete", nil, kv.Undelete(all, "app/orders", []int{6}))
	r.tell("KVv2.DeleteVersions", nil, kv.DeleteVersions(all, "app/orders", []int{2}))
	r.tell("KVv2.Destroy", nil, kv.Destroy(all, "app/orders", []int{1}))
	versions, err := kv.GetVersionsAsList(all, "app/orders")
	if err == nil {
		states := []any{}
		for _, version := range versions {
			states = append(states, []any{version.Version, version.Destroyed, version.DeletionTime.IsZero()})
		}
		r.tell("KVv2.GetVersionsAsList", states, nil)
	} else {
		r.tell("KVv2.GetVersionsAsList", nil, err)
	}
	read, err := kv.GetMetadata(all, "app/orders")
	if err == nil {
		r.tell("KVv2.GetMetadata", []any{read.CustomMetadata, read.CurrentVersion, read.OldestVersion, read.MaxVersions}, nil)
	} else {
		r.tell("KVv2.GetMetadata", nil, err)
	}
	list, err := r.client.Logical().List("go/metadata/app")
	r.tell("Logical.List", listed(list), err)
	list, err = r.client.Logical().List("go/metadata/none")
	r.tell("Logical.List of nothing", list == nil, err)
	r.tell("KVv2.DeleteMetadata", nil, kv.DeleteMetadata(all, "app/orders"))
	_, err = kv.GetMetadata(all, "app/orders")
	r.tell("KVv2.GetMetadata of what is gone", nil, err)
	return nil
}

func data(secret *api.KVSecret) any {
	if secret == nil {
		return nil
	}
	version := 0
	if secret.VersionMetadata != nil {
		version = secret.VersionMetadata.Version
	}
	return []any{secret.Data, version}
}

func listed(secret *api.Secret) any {
	if secret == nil {
		return nil
	}
	return secret.Data["keys"]
}

func (r *run) policies() error {
	sys := r.client.Sys()
	rules := "path \"go/data/*\" { capabilities = [\"read\"] }"
	r.tell("Sys.PutPolicy", nil, sys.PutPolicy("reader", rules))
	policy, err := sys.GetPolicy("reader")
	r.tell("Sys.GetPolicy", policy, err)
	missing, err := sys.GetPolicy("missing")
	r.tell("Sys.GetPolicy of none", missing, err)
	names, err := sys.ListPolicies()
	r.tell("Sys.ListPolicies", names, err)
	r.tell("Sys.DeletePolicy", nil, sys.DeletePolicy("missing"))
	may, err := sys.CapabilitiesSelf("go/data/app")
	r.tell("Sys.CapabilitiesSelf", may, err)
	return nil
}

func (r *run) tokens() error {
	token := r.client.Auth().Token()
	made, err := token.Create(&api.TokenCreateRequest{
		Policies: []string{"reader"}, TTL: "4s", ExplicitMaxTTL: "1h",
		Metadata: map[string]string{"team": "payments"},
	})
	if err != nil {
		return err
	}
	r.tell("Token.Create", []any{made.Auth.Policies, made.Auth.LeaseDuration, made.Auth.Renewable}, nil)
	lookup, err := token.Lookup(made.Auth.ClientToken)
	if err != nil {
		return err
	}
	policies, err := lookup.TokenPolicies()
	r.tell("Token.Lookup", policies, err)
	may, err := r.client.Sys().Capabilities(made.Auth.ClientToken, "go/data/app")
	r.tell("Sys.Capabilities", may, err)

	own, err := r.client.CloneWithHeaders()
	if err != nil {
		return err
	}
	own.SetToken(made.Auth.ClientToken)
	if err := r.watch("a token", own, made); err != nil {
		return err
	}
	self, err := own.Auth().Token().LookupSelf()
	if err != nil {
		return err
	}
	renewable, err := self.TokenIsRenewable()
	r.tell("Token.LookupSelf", []any{renewable, self.Data["display_name"]}, err)
	r.tell("Token.RevokeSelf", nil, own.Auth().Token().RevokeSelf(""))
	_, err = own.Auth().Token().LookupSelf()
	r.tell("Token.LookupSelf when revoked", nil, err)

	batch, err := token.Create(&api.TokenCreateRequest{Type: "batch", Policies: []string{"reader"}, TTL: "1h"})
	if err != nil {
		return err
	}
	r.tell("Token.Create batch", []any{batch.Auth.Renewable, batch.Auth.Accessor, batch.Auth.Policies}, nil)
	orphan, err := token.CreateOrphan(&api.TokenCreateRequest{TTL: "1h"})
	if err != nil {
		return err
	}
	r.tell("Token.CreateOrphan", orphan.Auth.Orphan, nil)
	renewed, err := token.Renew(orphan.Auth.ClientToken, 7200)
	if err != nil {
		return err
	}
	r.tell("Token.Renew", renewed.Auth.LeaseDuration, nil)
	r.tell("Token.RevokeAccessor", nil, token.RevokeAccessor(orphan.Auth.Accessor))
	_, err = token.Renew(orphan.Auth.ClientToken, 1)
	r.tell("Token.Renew when revoked", nil, err)
	return nil
}

// watch has Vault's lifetime watcher renew a token or a lease twice.
func (r *run) watch(what string, client *api.Client, secret *api.Secret) error {
	watcher, err := client.NewLifetimeWatcher(&api.LifetimeWatcherInput{Secret: secret})
	if err != nil {
		return err
	}
	go watcher.Start()
	defer watcher.Stop()
	for count := range 2 {
		select {
		case renewal := <-watcher.RenewCh():
			duration := renewal.Secret.LeaseDuration
			if renewal.Secret.Auth != nil {
				duration = renewal.Secret.Auth.LeaseDuration
			}
			r.tell(fmt.Sprintf("LifetimeWatcher renews %s (%d)", what, count+1), duration, nil)
		case err := <-watcher.DoneCh():
			return fmt.Errorf("the watcher of %s is done: %w", what, err)
		case <-time.After(patience):
			return fmt.Errorf("the watcher of %s does not renew", what)
		}
	}
	return nil
}

func (r *run) approle() error {
	all := context.Background()
	enabled := r.client.Sys().EnableAuthWithOptions("machines", &api.EnableAuthOptions{Type: "approle"})
	r.tell("Sys.EnableAuthWithOptions", nil, enabled)
	methods, err := r.client.Sys().ListAuth()
	if err != nil {
		return err
	}
	r.tell("Sys.ListAuth", methods["machines/"].Type, nil)
	role := map[string]any{"token_policies": "reader", "token_ttl": "4s", "role_id": "orders", "secret_id_num_uses": 2}
	_, err = r.client.Logical().Write("auth/machines/role/orders", role)
	r.tell("Logical.Write", nil, err)

	wrapping, err := r.client.Clone()
	if err != nil {
		return err
	}
	wrapping.SetToken(r.client.Token())
	wrapping.SetWrappingLookupFunc(func(_, _ string) string { return "1m" })
	wrapped, err := wrapping.Logical().Write("auth/machines/role/orders/secret-id", nil)
	if err != nil {
		return err
	}
	r.tell("Logical.Write wrapped", []any{wrapped.WrapInfo.TTL, wrapped.WrapInfo.CreationPath, wrapped.Data}, nil)

	service, err := r.client.Clone()
	if err != nil {
		return err
	}
	id := &approle.SecretID{FromString: wrapped.WrapInfo.Token}
	method, err := approle.NewAppRoleAuth(
		"orders", id, approle.WithWrappingToken(), approle.WithMountPath("machines"),
	)
	if err != nil {
		return err
	}
	login, err := service.Auth().Login(all, method)
	if err != nil {
		return fmt.Errorf("the login with a wrapped secret id: %w", err)
	}
	r.tell("Auth.Login", []any{login.Auth.Policies, login.Auth.Metadata, login.Auth.LeaseDuration}, nil)
	if err := r.watch("the token of a login", service, login); err != nil {
		return err
	}
	_, err = service.Auth().Login(all, method)
	r.tell("Auth.Login with a token that was unwrapped before", err != nil, nil)
	_, err = service.Logical().Write("auth/machines/login", map[string]any{"role_id": "orders", "secret_id": "none"})
	r.tell("Logical.Write with a wrong secret id", nil, err)
	r.tell("Sys.DisableAuth", nil, r.client.Sys().DisableAuth("machines"))
	_, err = service.Auth().Token().LookupSelf()
	r.tell("Token.LookupSelf when its method is gone", nil, err)
	return nil
}

func (r *run) wrapping() error {
	wrapping, err := r.client.Clone()
	if err != nil {
		return err
	}
	wrapping.SetToken(r.client.Token())
	wrapping.SetWrappingLookupFunc(func(_, _ string) string { return "5m" })
	wrapped, err := wrapping.Logical().Read("sys/policies/acl/reader")
	if err != nil {
		return err
	}
	token := wrapped.WrapInfo.Token
	about, err := r.client.Logical().Write("sys/wrapping/lookup", map[string]any{"token": token})
	if err != nil {
		return err
	}
	r.tell("wrapping lookup", []any{about.Data["creation_path"], about.Data["creation_ttl"]}, nil)
	unwrapped, err := r.client.Logical().Unwrap(token)
	if err != nil {
		return err
	}
	r.tell("Logical.Unwrap", unwrapped.Data["name"], nil)
	_, err = r.client.Logical().Unwrap(token)
	r.tell("Logical.Unwrap again", nil, err)
	again, err := wrapping.Logical().Read("sys/policies/acl/reader")
	if err != nil {
		return err
	}
	holder, err := r.client.Clone()
	if err != nil {
		return err
	}
	holder.SetToken(again.WrapInfo.Token)
	unwrapped, err = holder.Logical().Unwrap("")
	if err != nil {
		return err
	}
	r.tell("Logical.Unwrap with its own token", unwrapped.Data["name"], nil)
	return nil
}

func (r *run) leases(creds string) error {
	sys := r.client.Sys()
	lease, err := r.client.Logical().Read(creds)
	if err != nil {
		return err
	}
	r.tell("Logical.Read of credentials", []any{lease.LeaseDuration, lease.Renewable, len(lease.Data) > 0}, nil)
	if err := r.watch("a lease", r.client, lease); err != nil {
		return err
	}
	about, err := sys.Lookup(lease.LeaseID)
	if err != nil {
		return err
	}
	names := []string{}
	for name := range about.Data {
		names = append(names, name)
	}
	slices.Sort(names)
	r.tell("Sys.Lookup", names, nil)
	renewed, err := sys.Renew(lease.LeaseID, 5)
	if err != nil {
		return err
	}
	r.tell("Sys.Renew", renewed.LeaseDuration, nil)
	r.tell("Sys.Revoke", nil, sys.Revoke(lease.LeaseID))
	r.tell("Sys.RevokePrefix", nil, sys.RevokePrefix(creds))
	return nil
}
