package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"edgeagent/internal/status"
)

func newTunnelCommand() *cobra.Command {
	return group(&cobra.Command{Use: "tunnel", Short: "List or close open tunnels"},
		newTunnelListCommand(), newTunnelCloseCommand())
}

func newTunnelListCommand() *cobra.Command {
	var o clientOptions
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the open tunnels",
		Args:  arguments(0, 0, ""),
		RunE: action(func(cmd *cobra.Command, _ []string) error {
			tunnels, err := o.client().Tunnels(cmd.Context())
			if err != nil {
				return explain(err)
			}
			if o.json {
				return printJSON(cmd.OutOrStdout(), tunnels)
			}
			if len(tunnels) == 0 {
				_, err := fmt.Fprintln(cmd.OutOrStdout(), "no tunnel is open")
				return err
			}
			rows := [][]string{{"ID", "SERVICES", "STATE", "OPEN FOR", "BYTES IN", "BYTES OUT", "DETAIL"}}
			for _, t := range tunnels {
				rows = append(rows, []string{
					t.ID, orDash(strings.Join(t.Services, ",")), orDash(t.State), status.Age(time.Since(t.Since)),
					strconv.FormatInt(t.BytesIn, 10), strconv.FormatInt(t.BytesOut, 10), orDash(t.Detail),
				})
			}
			return printTable(cmd.OutOrStdout(), rows)
		}),
	}
	o.addJSONTo(cmd)
	return cmd
}

// newTunnelCloseCommand asks for an id: closing the wrong tunnel may end the very
// session it is typed in.
func newTunnelCloseCommand() *cobra.Command {
	var o clientOptions
	cmd := &cobra.Command{
		Use:   "close ID",
		Short: "End a tunnel and every connection in it",
		Args:  arguments(1, 1, "ID (see `edgeagent tunnel list`)"),
		RunE: action(func(cmd *cobra.Command, args []string) error {
			if err := o.client().CloseTunnel(cmd.Context(), args[0]); err != nil {
				return explain(err)
			}
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "tunnel %s is closed\n", args[0])
			return err
		}),
	}
	o.addTo(cmd)
	return cmd
}
