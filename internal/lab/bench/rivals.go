package bench

import (
	"context"
	"strings"

	"edgeagent/internal/lab/rival"
)

// measureRivals compares how the agent comes back with how what a user would build
// by hand does.
func measureRivals(ctx context.Context, r *run) (result, error) {
	compared, err := rival.Compare(ctx, r.Bin, r.Progress)
	if err != nil {
		return result{}, err
	}
	var slower []string
	for _, row := range compared.Slower() {
		slower = append(slower, row.Fault)
	}
	return result{
		figures: []figure{atLeast("times as long as the agent the articles' stack takes to come back, median of the faults",
			compared.Ratio(), rival.Target, "%.1f", "not faster where "+strings.Join(slower, ", "))},
		text: compared.Markdown(),
	}, nil
}
