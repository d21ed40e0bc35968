// Command smslink-outbox sends and manages messages that programs queue in their own database with
// the Go package outbox.
package main

import (
	"github.com/go-smslink/smslink/cmd/internal/cli"
	"github.com/go-smslink/smslink/cmd/internal/outboxcmd"
)

func main() { cli.Main(outboxcmd.NewCommand) }
