// Package step lets a test stop a worker at a step of its work, to test what happens to its
// package.
package step

import "context"

// The steps, in the order in which a package reaches them.
const (
	Claiming  = "claiming"  // before the claim's commit
	Claimed   = "claimed"   // after the claim's commit
	Uploaded  = "uploaded"  // the upload has ended
	Recording = "recording" // before the commit that records the upload's end
	Recorded  = "recorded"  // after it
)

type key struct{}

// With returns a context in which reach is called at each step.
func With(ctx context.Context, reach func(step string)) context.Context {
	return context.WithValue(ctx, key{}, reach)
}

// Reach calls what the context was given, if anything.
func Reach(ctx context.Context, step string) {
	if reach, ok := ctx.Value(key{}).(func(string)); ok {
		reach(step)
	}
}
