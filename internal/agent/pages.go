package agent

import (
	"edgeagent/internal/config"
	"edgeagent/internal/page"
)

// pages are what browsers and scrapers are served, if the configuration asks for
// it. What cannot be served is logged: the path is not to suffer from looking on.
func (p *parts) pages(o Options) []*page.Page {
	var all []*page.Page
	add := func(po page.Options) {
		po.Snapshot, po.Log = p.Snapshot, o.Log
		served, err := page.New(po)
		if err != nil {
			o.Log.Error("one cannot look on", "err", err)
			return
		}
		all = append(all, served)
	}
	c := o.Config
	if c.StatusPage.IsValid() {
		password, err := pagePassword(c)
		if err != nil { // open to nobody rather than to all
			o.Log.Error("the status page is not served", "err", err)
		} else {
			add(page.Options{Listen: c.StatusPage, Password: password, History: p.History})
		}
	}
	if c.MetricsListen.IsValid() {
		add(page.Options{Listen: c.MetricsListen})
	}
	return all
}

// pagePassword is "" if none is asked for.
func pagePassword(c config.Config) (string, error) {
	if c.StatusPagePasswordFile == "" {
		return "", nil
	}
	return config.Password(c.StatusPagePasswordFile)
}
