package resolver

import (
	"context"
	"slices"
	"testing"
)

func TestAfterwards(t *testing.T) {
	var done []string
	do := func(ctx context.Context, what string) { afterwardsDo(ctx, func() { done = append(done, what) }) }
	want := func(want ...string) {
		t.Helper()
		if !slices.Equal(done, want) {
			t.Errorf("done: %q, want %q", done, want)
		}
	}
	do(t.Context(), "nobody waits")
	want("nobody waits")

	ctx, finish := withAfterwards(t.Context())
	inner, cancel := context.WithCancel(ctx)
	do(inner, "first")
	do(ctx, "second")
	cancel()
	want("nobody waits")
	finish()
	want("nobody waits", "first", "second")
	do(inner, "too late")
	want("nobody waits", "first", "second", "too late")
}
