// Package shim hands out the upstream provider, whose constructor is internal to its module. Go judges that by import
// path, so this module's name lies below the provider's.
package shim

import (
	"github.com/hashicorp/terraform-plugin-sdk/v2/helper/schema"
	"github.com/terraform-providers/terraform-provider-docker/internal/provider"
)

// New answers the Terraform provider, not yet configured.
func New(version string) *schema.Provider {
	return provider.New(version)()
}
