// Reads a static role as a secret of a KV engine through Vault's own client, and
// prints what that made of the answers as one JSON object.
//
// Arguments: the address of a server, a token, a mount, and the name of the role.
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
	told, err := read(os.Args[1], os.Args[2], os.Args[3], os.Args[4])
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(told)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func read(address, token, mount, name string) (map[string]any, error) {
	config := api.DefaultConfig()
	config.Address = address
	client, err := api.NewClient(config)
	if err != nil {
		return nil, err
	}
	client.SetToken(token)
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
