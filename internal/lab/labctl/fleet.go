package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"edgeagent/internal/fleet"
)

// fleetSeed makes the page the same each time.
const fleetSeed = 1

// fleetStorm simulates a fleet's return and writes fleet.md and its pictures into
// the folder docs.
func fleetStorm(out io.Writer, docs string) error {
	page := fleet.Page{Devices: fleet.VPCEndpoint, Quota: fleet.Quota, Seed: fleetSeed}
	const pictures = "fleet"
	if err := os.MkdirAll(filepath.Join(docs, pictures), 0o755); err != nil {
		return err
	}
	for _, outage := range fleet.Outages {
		fmt.Fprintf(out, "%s without a path\n", fleet.Name(outage))
		runs := fleet.Compare(page.Devices, page.Quota, outage, page.Seed, func(r fleet.Run) { fmt.Fprintln(out, r.Row()) })
		page.Runs = append(page.Runs, runs)
		for _, p := range fleet.PictureFiles(runs) {
			if err := os.WriteFile(filepath.Join(docs, pictures, p.File), p.SVG, 0o644); err != nil {
				return err
			}
		}
	}
	text, err := os.Create(filepath.Join(docs, "fleet.md"))
	if err != nil {
		return err
	}
	defer text.Close() // Write's error counts
	return page.Write(text, pictures)
}
