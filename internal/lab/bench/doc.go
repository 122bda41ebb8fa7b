// Package bench measures the agent in labs and writes the page about it,
// docs/performance.md, with a plot of everything that is to stay flat as it
// grows. Nothing here passes or fails: a figure that misses what was asked of it
// is red on the page, with the reason.
//
// Each section can be measured alone; the page keeps the others as they were.
package bench
