package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"edgeagent/internal/control"
)

func newLinkCommand() *cobra.Command {
	return group(&cobra.Command{Use: "link", Short: "List or restart the ways into the VPC"},
		newLinkListCommand(), newLinkRestartCommand())
}

func newLinkListCommand() *cobra.Command {
	var o clientOptions
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the links, the preferred one first",
		Args:  arguments(0, 0, ""),
		RunE: action(func(cmd *cobra.Command, _ []string) error {
			links, err := o.client().Links(cmd.Context())
			if err != nil {
				return explain(err)
			}
			if o.json {
				return printJSON(cmd.OutOrStdout(), links)
			}
			said := inLanguage(newScreen(cmd.OutOrStdout(), false).options.Language)
			rows := [][]string{{"NAME", "TYPE", "STATE", "IN USE", "DEVICE", "DETAIL"}}
			for _, l := range links {
				inUse := "-"
				if l.Active {
					inUse = "yes"
				}
				rows = append(rows, []string{l.Name, l.Type, string(l.State), inUse, orDash(l.Device), orDash(said(linkDetail(l)))})
			}
			return printTable(cmd.OutOrStdout(), rows)
		}),
	}
	o.addJSONTo(cmd)
	return cmd
}

// linkDetail leaves out what the columns before it say.
func linkDetail(l control.LinkInfo) string {
	detail, ok := strings.CutPrefix(l.Detail, l.Name+" ("+l.Type+")")
	if !ok {
		return l.Detail
	}
	return strings.TrimLeft(detail, ": ")
}

// newLinkRestartCommand needs no name in the usual case: the link that the tech
// means is the one that status shows.
func newLinkRestartCommand() *cobra.Command {
	var o clientOptions
	cmd := &cobra.Command{
		Use:   "restart [NAME]",
		Short: "Take a link down and up again; without NAME the one in use",
		Args:  arguments(0, 1, "NAME"),
		RunE: action(func(cmd *cobra.Command, args []string) error {
			client := o.client()
			name, err := linkName(cmd.Context(), client, args)
			if err != nil {
				return explain(err)
			}
			if err := client.RestartLink(cmd.Context(), name); err != nil {
				return explain(err)
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "link %s is restarting; see `edgeagent status`\n", name)
			return err
		}),
	}
	o.addTo(cmd)
	return cmd
}

// linkName is the link to restart: the one given, the one in use, or else the
// preferred one, which the agent is trying to bring up.
func linkName(ctx context.Context, client *control.Client, args []string) (string, error) {
	if len(args) > 0 {
		return args[0], nil
	}
	links, err := client.Links(ctx)
	if err != nil {
		return "", err
	}
	for _, l := range links {
		if l.Active {
			return l.Name, nil
		}
	}
	if len(links) == 0 {
		return "", errors.New("the daemon has no links")
	}
	return links[0].Name, nil
}

// orDash keeps a column visible where there is nothing to say.
func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}
