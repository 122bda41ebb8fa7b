package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"edgeagent/internal/lab/field"
)

// besides is how many labs run at once: they wait more than they work.
const besides = 4

// fieldTests plays every situation and writes the page about them to out.
func fieldTests(ctx context.Context, out io.Writer, bin string) error {
	all := field.All()
	results, errs := make([]field.Result, len(all)), make([]error, len(all))
	slots := make(chan struct{}, besides)
	var running sync.WaitGroup
	for i, s := range all {
		running.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			if results[i], errs[i] = s.Run(ctx, bin); errs[i] != nil {
				errs[i] = fmt.Errorf("%s: %w", s.Name, errs[i])
			}
			fmt.Fprintf(os.Stderr, "%s: %s\n", s.Name, outcome(results[i], errs[i]))
		})
	}
	running.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	return field.Write(out, results)
}

func outcome(r field.Result, err error) string {
	if err != nil {
		return "FAILED"
	}
	return fmt.Sprintf("named after %.1f s", r.Detected.Seconds())
}
