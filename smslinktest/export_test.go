package smslinktest

import "time"

// WaitFor sets how long the gateway waits for a body. Call it before the first request.
func (g *Gateway) WaitFor(stall, whole time.Duration) { g.patience = patience{stall, whole} }
