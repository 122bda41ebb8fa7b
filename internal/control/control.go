// Package control lets people and scripts on the device ask the running daemon:
// HTTP with JSON over a unix socket. Everyone may read the status, its past and
// its figures; the rest is for root, the daemon's own user and the group edgeagent.
//
//	GET  /v1/status                              status.Snapshot
//	GET  /v1/history                             history.History
//	GET  /v1/metrics                             text, as package metrics writes it
//	GET  /v1/links                               []LinkInfo
//	POST /v1/links/restart  {"name": "vpn"}      204
//	GET  /v1/tunnels                             []TunnelInfo
//	POST /v1/tunnels/close  {"id": "..."}        204
//
// Whatever fails answers {"error": "why"}.
package control

import (
	"context"
	"errors"
	"time"

	"edgeagent/internal/history"
	"edgeagent/internal/status"
)

// Group is the group whose members may do more than read the status.
const Group = "edgeagent"

// Backend is the running agent as the control API sees it. Its methods are
// called concurrently.
type Backend interface {
	Snapshot() status.Snapshot
	History() history.History
	LinkBackend
	TunnelBackend
}

// LinkBackend answers for the links.
type LinkBackend interface {
	// Links returns all links in the order of the configuration.
	Links() []LinkInfo
	// RestartLink takes the named link down and brings it up again. An unknown
	// name is an error that wraps ErrNotFound.
	RestartLink(ctx context.Context, name string) error
}

// TunnelBackend answers for the open tunnels.
type TunnelBackend interface {
	Tunnels() []TunnelInfo
	// CloseTunnel ends the tunnel with the given id. An unknown id is an error
	// that wraps ErrNotFound.
	CloseTunnel(ctx context.Context, id string) error
}

// LinkInfo is one link as `edgeagent link list --json` shows it.
type LinkInfo struct {
	Name   string        `json:"name"`
	Type   string        `json:"type"`
	State  status.State  `json:"state"`
	Reason status.Reason `json:"reason"`
	Detail string        `json:"detail"`
	Device string        `json:"device"` // network device; empty while there is none
	Active bool          `json:"active"` // carries the path
	// AgentBytesDay is what the agent itself sent and received through the device
	// in the last 24 hours, in bytes; tunnels and others are not in it.
	AgentBytesDay int64 `json:"agent_bytes_day"`
}

// TunnelInfo is one open tunnel as `edgeagent tunnel list --json` shows it.
type TunnelInfo struct {
	ID       string    `json:"id"`
	Services []string  `json:"services"`
	Since    time.Time `json:"since"`
	BytesIn  int64     `json:"bytes_in"`  // from the far side
	BytesOut int64     `json:"bytes_out"` // to the far side
	State    string    `json:"state"`
	Detail   string    `json:"detail"`
}

// Errors that a Backend returns and a Client passes on.
var (
	// ErrNotFound means that there is no link or tunnel of that name.
	ErrNotFound = errors.New("not found")
	// ErrForbidden means that this user may only read the status.
	ErrForbidden = errors.New("not permitted")
	// ErrRunning means that another daemon uses the same runtime directory.
	ErrRunning = errors.New("another edgeagent daemon is running")
)

// Paths of the API.
const (
	pathStatus       = "/v1/status"
	pathHistory      = "/v1/history"
	pathMetrics      = "/v1/metrics"
	pathLinks        = "/v1/links"
	pathLinkRestart  = "/v1/links/restart"
	pathTunnels      = "/v1/tunnels"
	pathTunnelsClose = "/v1/tunnels/close"
)

// linkRequest is the body of a link's restart.
type linkRequest struct {
	Name string `json:"name"`
}

// tunnelRequest is the body of a tunnel's end.
type tunnelRequest struct {
	ID string `json:"id"`
}

// failure is the body of every answer that is not 2xx.
type failure struct {
	Error string `json:"error"`
}
