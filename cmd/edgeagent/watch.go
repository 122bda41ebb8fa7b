package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"edgeagent/internal/status"
)

// watchInterval is between two looks. The daemon is asked over a local socket;
// a tech on a ladder sees a change as it happens.
const watchInterval = time.Second

// watch shows the status until ctx ends: on a terminal in place, elsewhere each
// time something has changed. Its error stands for the last state seen.
func watch(ctx context.Context, ask func(context.Context) (status.Snapshot, error), out *screen) error {
	ticker := time.NewTicker(watchInterval)
	defer ticker.Stop()
	var last status.Snapshot
	shown := ""
	for {
		s, err := ask(ctx)
		switch {
		case ctx.Err() != nil:
			return verdict(last)
		case err != nil:
			return err
		}
		last = s
		if shown, err = out.update(ctx, s, shown); err != nil {
			return err
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return verdict(last)
		}
	}
}

// update shows s if that tells more than what was shown, which it returns.
func (o *screen) update(ctx context.Context, s status.Snapshot, shown string) (string, error) {
	if o.terminal && !o.json {
		return "", o.redraw(ctx, s)
	}
	essence, err := changes(s)
	if err != nil || essence == shown {
		return shown, err
	}
	if o.json {
		return essence, json.NewEncoder(o.w).Encode(s.ForScripts())
	}
	text := o.text(s)
	if shown != "" {
		text = "\n" + text
	}
	_, err = fmt.Fprint(o.w, text)
	return essence, err
}

// changes holds what is worth a new entry where lines cannot be overwritten: all
// but the times and the figures.
func changes(s status.Snapshot) (string, error) {
	s.Now, s.Since, s.Started = time.Time{}, time.Time{}, time.Time{}
	var warnings []status.Warning
	stages := make([]status.Condition, len(s.Stages))
	for i, c := range s.Stages {
		stages[i] = status.Condition{Stage: c.Stage, State: c.State, Reason: c.Reason, Losses: c.Losses, Notes: c.Notes}
	}
	s.Stages = stages
	for _, w := range s.Warnings {
		warnings = append(warnings, status.Warning{ID: w.ID})
	}
	s.Warnings = warnings
	if f := s.FixFirst; f != nil {
		s.FixFirst = &status.Finding{Stage: f.Stage, Reason: f.Reason}
	}
	essence, err := json.Marshal(s)
	return string(essence), err
}
