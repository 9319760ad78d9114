package cli

import "github.com/spf13/cobra"

// Tree is every command there is.
func Tree() *cobra.Command { return (&env{}).root() }

// PlaceOf is where a command works.
func PlaceOf(cmd *cobra.Command) string { return placeOf(cmd) }

// Refused is what a command says to a server that it cannot work at.
func Refused(cmd *cobra.Command) error { return (&env{server: "https://onus.example"}).somewhere(cmd) }
