package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"

	"edgeagent/internal/agent"
	"edgeagent/internal/config"
)

// next is what a reload leads to: a configuration for this image, or another
// image, which reads the configuration itself.
type next struct {
	config  config.Config
	another bool
}

// plan decides what follows a SIGHUP. It is false if everything stays as it is,
// because the new program or the configuration is refused: log and status say why.
func (d *daemon) plan(ctx context.Context, o agent.Options) (n next, ok bool) {
	d.tell(o.Log, agent.TellReloading())
	n, err := d.examine(ctx, o)
	if err == nil {
		return n, true
	}
	if ctx.Err() == nil {
		d.refuse(o.Log, err)
		d.tell(o.Log, agent.TellReady())
	}
	return next{}, false
}

// examine looks at the program's file first: it, and not this image, has to
// like the configuration.
func (d *daemon) examine(ctx context.Context, o agent.Options) (next, error) {
	another, err := d.image.replaced()
	if err != nil {
		return next{}, &refusedProgram{err}
	}
	if another {
		if err := d.image.try(ctx, o.ConfigFile); err != nil {
			return next{}, &refusedProgram{err}
		}
		return next{another: true}, nil
	}
	c, err := d.load(o.Log)
	return next{config: c}, err
}

// refusedProgram is why another program does not take over.
type refusedProgram struct{ error }

// refuse logs and shows why a reload changes nothing.
func (d *daemon) refuse(log *slog.Logger, err error) {
	var program *refusedProgram
	var faults config.Errors
	switch {
	case errors.As(err, &program):
		log.Error("new program refused, the old one stays", "err", err)
		d.warn(fmt.Sprintf("the new program is refused, %s stays: %v", d.options.Version, err))
	case errors.As(err, &faults) && len(faults) > 0:
		logFaults(log, err)
		d.warn(fmt.Sprintf("the changed configuration is refused, the old one stays: %s", faults[0].Error()))
	default:
		logFaults(log, err)
		d.warn(fmt.Sprintf("the changed configuration is refused, the old one stays: %v", err))
	}
}

// warn shows text in status, in place of what was to be shown.
func (d *daemon) warn(text string) {
	select {
	case <-d.warnings:
	default:
	}
	select {
	case d.warnings <- text:
	default: // nobody shows it
	}
}

// tell logs that systemd could not be told.
func (d *daemon) tell(log *slog.Logger, err error) {
	if err != nil {
		log.Warn("notifying systemd failed", "err", err)
	}
}

// replace goes on after the agent has ended for another one: with the next
// configuration, or in another image. If that cannot be executed, the old
// configuration goes on in this one. After SIGTERM an agent is run all the same:
// it ends what was left for it.
func (d *daemon) replace(ctx context.Context, o agent.Options, c config.Config, n next, e ended) (*config.Config, error) {
	if e.err != nil {
		return nil, e.err
	}
	d.options.Adopt, d.before = e.left, &c
	if !n.another {
		o.Log.Info("configuration re-read, starting anew", "file", o.ConfigFile)
		return &n.config, nil
	}
	if ctx.Err() != nil {
		return &c, nil
	}
	o.Log.Info("executing the new program", "file", d.image.path)
	err := d.execute(ctx, e.left)
	d.disarmed = true
	if !errors.Is(err, errStopping) {
		d.refuse(o.Log, &refusedProgram{err})
		return &c, nil
	}
	o.Adopt, o.Config = d.options.Adopt, c
	stopped, stop := context.WithCancel(ctx)
	stop()
	_, err = d.run(stopped, o)
	return nil, err
}

// fellBack decides what follows an agent that ended by itself: one that could
// not start with a new configuration leaves it to the one before.
func (d *daemon) fellBack(o agent.Options, e ended) (*config.Config, error) {
	if e.err == nil || d.before == nil || e.left == nil {
		return nil, e.err
	}
	d.options.Adopt = e.left
	c := d.before
	d.before = nil
	d.refuse(o.Log, e.err)
	return c, nil
}

// takeOver reads what the image before left, if there was one, and returns the
// stub's sockets of it in place of those that systemd passed.
func (d *daemon) takeOver(passed []*os.File) []*os.File {
	h, note := loadHandover()
	d.note = note
	if h == nil {
		return passed
	}
	d.options.Adopt = h
	var files []*os.File
	for _, s := range h.Stub {
		files = append(files, os.NewFile(uintptr(s.FD), s.Name))
	}
	h.Stub = nil
	return files
}

// settleStart logs how the handover went, and ends what was left if there is no
// configuration any more under which it could go on.
func (d *daemon) settleStart() {
	log := d.newLog(config.Default().Log)
	if d.note != "" {
		log.Warn(d.note)
	}
	if d.options.Adopt == nil {
		return
	}
	if _, err := config.Load(d.options.ConfigFile); err != nil {
		log.Error("nothing is taken over: the configuration cannot be used", "err", err)
		d.options.Adopt.End()
		d.options.Adopt = nil
	}
}
