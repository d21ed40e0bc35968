package send

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// obeySignals makes the first Ctrl-C, or the terminal's end, halt the stream, and the second one
// break it off. From now on no signal may end the process: it would lose the outcomes of messages
// that were sent.
func (s *sending) obeySignals(cancel func()) (stop func()) {
	signals, done := make(chan os.Signal, 2), make(chan struct{})
	wanted := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) { // as under nohup
		wanted = append(wanted, syscall.SIGHUP)
	}
	signal.Notify(signals, wanted...)
	go func() {
		for n := 1; ; n++ {
			select {
			case <-signals:
			case <-done:
				return
			}
			if n == 1 {
				fmt.Fprintln(s.console.Err, "\nsmslink: interrupted: "+
					"waiting for the packages that are being uploaded; no others are sent.\n"+
					"Press Ctrl-C again to break them off; their messages are then in doubt.")
				s.halt(errInterrupted)
			} else {
				cancel()
			}
		}
	}()
	return func() {
		signal.Stop(signals)
		close(done)
	}
}
