package cli

import (
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/onus-id/onus"
)

// needs holds a command to exactly the words that it names, and says which
// one is missing or too many.
func needs(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		hint := "as in '" + strings.TrimSpace(firstLine(cmd.Example)) + "'"
		switch {
		case len(args) < len(names):
			return onus.Errorf(onus.Invalid, hint, "%s needs %s", called(cmd), strings.Join(names[len(args):], " and "))
		case len(args) > len(names):
			return onus.Errorf(onus.Invalid, hint, "%s does not know what to do with %q", called(cmd), args[len(names)])
		default:
			return nil
		}
	}
}

// called is a command's name without that of the program.
func called(cmd *cobra.Command) string {
	return strings.TrimPrefix(cmd.CommandPath(), cmd.Root().Name()+" ")
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}

// group makes a command that only has commands below it: alone it tells about
// them, and a word that is none of them is an error.
func group(cmd *cobra.Command) *cobra.Command {
	cmd.Args, cmd.SuggestionsMinimumDistance = cobra.ArbitraryArgs, 2
	cmd.Annotations = map[string]string{"group": "yes"}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return cmd.Help()
		}
		hint := cmd.CommandPath() + " --help lists them"
		if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
			hint = "did you mean '" + cmd.CommandPath() + " " + near[0] + "'?"
		}
		return onus.Errorf(onus.Invalid, hint, "there is no command '%s %s'", cmd.CommandPath(), args[0])
	}
	return cmd
}

// badFlag makes an error of a flag that cannot be read.
func badFlag(cmd *cobra.Command, err error) error {
	return onus.Errorf(onus.Invalid, cmd.CommandPath()+" --help tells about its flags", "%w", err)
}

// choice is a flag that takes one of a few words. What it does not know is
// refused before anything is opened, read or done.
type choice struct {
	chosen string
	of     []string
}

// oneOf makes a choice; the first word is the default.
func oneOf(words ...string) *choice { return &choice{chosen: words[0], of: words} }

// String is the chosen word.
func (c *choice) String() string { return c.chosen }

// Type is what help calls the value: nothing, as the usage lists the words.
func (c *choice) Type() string { return "word" }

// Set chooses.
func (c *choice) Set(word string) error {
	if !slices.Contains(c.of, word) {
		return onus.Errorf(onus.Invalid, "", "it is one of %s", strings.TrimPrefix(strings.Join(c.of, ", "), ", "))
	}
	c.chosen = word
	return nil
}

func (c *choice) output(cmd *cobra.Command) {
	cmd.Flags().VarP(c, "output", "o", strings.Join(c.of, ", "))
}

// pause is a flag for a length of time that is longer than nothing.
type pause time.Duration

// String is the length.
func (p *pause) String() string { return time.Duration(*p).String() }

// Type is what help calls the value.
func (p *pause) Type() string { return "duration" }

// Set takes a length such as 90s.
func (p *pause) Set(text string) error {
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		return onus.Errorf(onus.Invalid, "", "it is a length of time such as 30s or 5m")
	}
	*p = pause(d)
	return nil
}
