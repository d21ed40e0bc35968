package smslinktest

import "time"

// WaitFor is called before the gateway is asked anything.
func (g *Gateway) WaitFor(stall, whole time.Duration) { g.patience = patience{stall, whole} }
