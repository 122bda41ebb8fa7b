package localproxy

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestRaceTriesEveryAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var tried []string
		dial := func(ctx context.Context, addr string) (net.Conn, error) {
			mu.Lock()
			tried = append(tried, addr)
			mu.Unlock()
			switch addr {
			case "silent":
				<-ctx.Done()
				return nil, ctx.Err()
			case "refusing":
				return nil, errors.New("refused")
			}
			conn, _ := net.Pipe()
			return conn, nil
		}
		began := time.Now()
		conn, err := race(t.Context(), []string{"silent", "refusing", "good", "never"}, time.Second, dial)
		if err != nil {
			t.Fatal(err)
		}
		conn.Close()
		if took := time.Since(began); took != time.Second {
			t.Errorf("took %s, want the lead of the silent one only", took)
		}
		mu.Lock()
		if got := strings.Join(tried, " "); got != "silent refusing good" {
			t.Errorf("tried %s", got)
		}
		mu.Unlock()
		_, err = race(t.Context(), []string{"refusing", "refusing"}, time.Second, dial)
		if err == nil || strings.Count(err.Error(), "refused") != 2 {
			t.Errorf("%v, want both failures told", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		if _, err := race(ctx, []string{"silent", "refusing"}, time.Second, dial); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v, want the deadline", err)
		}
	})
}

// The loser of a race must not be left open.
func TestRaceClosesTheLoser(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		late, other := net.Pipe()
		dial := func(_ context.Context, addr string) (net.Conn, error) {
			if addr == "late" {
				time.Sleep(10 * time.Second)
				return late, nil
			}
			conn, _ := net.Pipe()
			return conn, nil
		}
		if _, err := race(t.Context(), []string{"late", "prompt"}, time.Second, dial); err != nil {
			t.Fatal(err)
		}
		if _, err := other.Read(make([]byte, 1)); err == nil {
			t.Error("the loser is open")
		}
	})
}
