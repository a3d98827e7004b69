// Calls a server through Vault's own client, and prints what that made of the answers
// as JSON.
//
// Arguments: the address of the server, a token, and what is called: `static-role`
// with a mount and the name of a role, which is read as a secret of a KV engine, or
// `calls` with the path of credentials, which prints a line for each call.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/hashicorp/vault/api"
)

func main() {
	if err := tell(os.Args[1], os.Args[2], os.Args[3], os.Args[4:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func tell(address, token, what string, about []string) error {
	config := api.DefaultConfig()
	config.Address = address
	client, err := api.NewClient(config)
	if err != nil {
		return err
	}
	client.SetToken(token)
	out := json.NewEncoder(os.Stdout)
	if what == "static-role" {
		told, err := staticRole(client, about[0], about[1])
		return errors.Join(err, out.Encode(told))
	}
	told, err := calls(client, about[0])
	for _, call := range told {
		err = errors.Join(err, out.Encode(call))
	}
	return err
}

func staticRole(client *api.Client, mount, name string) (map[string]any, error) {
	kv, all := client.KVv2(mount), context.Background()

	secret, err := kv.Get(all, name)
	if err != nil {
		return nil, fmt.Errorf("the present version: %w", err)
	}
	before, err := kv.GetVersion(all, name, secret.VersionMetadata.Version-1)
	if err != nil {
		return nil, fmt.Errorf("the version before: %w", err)
	}
	metadata, err := kv.GetMetadata(all, name)
	if err != nil {
		return nil, fmt.Errorf("the metadata: %w", err)
	}
	versions, err := kv.GetVersionsAsList(all, name)
	if err != nil {
		return nil, fmt.Errorf("the versions: %w", err)
	}
	_, absent := kv.Get(all, "no-"+name)
	return map[string]any{
		"secret":   secret,
		"before":   before,
		"metadata": metadata,
		"versions": versions,
		"absent":   errors.Is(absent, api.ErrSecretNotFound),
	}, nil
}
