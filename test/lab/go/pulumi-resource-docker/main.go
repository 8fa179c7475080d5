// A stand-in for Pulumi's Docker provider, made of the two halves that the real one is made of: Pulumi's bridge and
// the upstream Terraform provider. It serves the resources that @pulumi/docker names, save Image, which is Pulumi's
// own code. It answers no schema: programs in Node carry theirs.
package main

import (
	"context"

	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge/tokens"
	shimv2 "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfshim/sdk-v2"
	"github.com/terraform-providers/terraform-provider-docker/shim"
)

// Set by the linker to the version of @pulumi/docker that the plugin stands in for.
var version = "0.0.0"

func main() {
	tfbridge.Main("docker", version, provider(), nil)
}

func provider() tfbridge.ProviderInfo {
	info := tfbridge.ProviderInfo{
		P:       shimv2.NewProvider(shim.New(version)),
		Name:    "docker",
		Version: version,
		Config: map[string]*tfbridge.SchemaInfo{
			"host": {Default: &tfbridge.DefaultInfo{
				EnvVars: []string{"DOCKER_HOST"},
				ComputeDefault: func(context.Context, tfbridge.ComputeDefaultOptions) (any, error) {
					return "unix:///var/run/docker.sock", nil
				},
			}},
			"registry_auth": {Name: "registryAuth", MaxItemsOne: tfbridge.False()},
		},
	}
	info.MustComputeTokens(tokens.SingleModule("docker_", "index", tokens.MakeStandard("docker")))
	// The names that @pulumi/docker gives otherwise than the rule would.
	info.Resources["docker_image"].Tok = "docker:index/remoteImage:RemoteImage"
	info.SetAutonaming(255, "-")
	return info
}
