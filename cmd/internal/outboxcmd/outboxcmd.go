// Package outboxcmd is the command that sends and manages messages that are queued in a database.
package outboxcmd

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/go-smslink/smslink/cmd/internal/cli"
	"github.com/go-smslink/smslink/outbox"
)

// NewCommand returns the command.
func NewCommand(c cli.Console) *cobra.Command {
	db := &database{console: c}
	cmd := &cobra.Command{
		Use:   "smslink-outbox",
		Short: "Send and manage messages that programs queue in a database",
		Long: `Send and manage messages that programs queue in their own database with the Go
package outbox.

Name the database with --db, or with ` + envDB + ` if the URL holds a
password:
  sqlite:FILE
  postgres://USER:PASSWORD@HOST/DATABASE
  mysql://USER:PASSWORD@HOST/DATABASE
  mariadb://USER:PASSWORD@HOST/DATABASE

Exit codes:
  0  done
  1  not all of it was done
  2  wrong usage
  3  the database failed, or the request is not possible`,
	}
	cmd.PersistentFlags().StringVar(&db.url, "db", c.Getenv(envDB), "`URL` of the database")
	cmd.PersistentFlags().Lookup("db").DefValue = "" // which may hold a password
	cmd.AddCommand(newMigrateCommand(db), newRunCommand(db), newEnqueueCommand(db), newStatusCommand(db),
		newDoubtsCommand(db), newResolveCommand(db), newLookupCommand(db), newCancelCommand(db), newPersonCommand(db),
		newPauseCommand(db), newResumeCommand(db))
	return cmd
}

func newMigrateCommand(db *database) *cobra.Command {
	return &cobra.Command{
		Use:     "migrate",
		Short:   "Create the outbox's tables, or bring them up to date",
		Example: "  smslink-outbox migrate --db sqlite:shop.db",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return db.open(cmd.Context(), true, nil, func(ctx context.Context, box *outbox.Outbox) error {
				return box.Migrate(ctx)
			})
		},
	}
}

func newPauseCommand(db *database) *cobra.Command {
	return newSignedCommand(db, (*outbox.Outbox).Pause, &cobra.Command{
		Use:   "pause --reason TEXT",
		Short: "Keep all workers from claiming more messages",
		Long: `Keep all workers from claiming more messages, until smslink-outbox resume.

A claim that is under way is still uploaded if it commits within 30 seconds. To
be sure that nothing is being sent, wait 30 seconds, and then until
smslink-outbox status shows 0 packages sending.`,
	})
}

func newResumeCommand(db *database) *cobra.Command {
	return newSignedCommand(db, (*outbox.Outbox).Resume, &cobra.Command{
		Use:   "resume --reason TEXT",
		Short: "Let workers start uploads again",
		Long: `Let workers start uploads again, once the cause of the pause is gone.
smslink-outbox status shows the cause.

After a fail-over or a restore, the database may lack what workers have sent
since. Wait until each worker that still runs has written back what it sent.
The messages that were sent by a worker that has ended may be in the queue
again, and would be sent twice.`,
	})
}

// newSignedCommand completes a command that calls act with who does it, and why.
func newSignedCommand(
	db *database, act func(box *outbox.Outbox, ctx context.Context, by, reason string) error, cmd *cobra.Command,
) *cobra.Command {
	var s cli.Signature
	cmd.Args = cobra.NoArgs
	cmd.RunE = db.with(func(ctx context.Context, box *outbox.Outbox, _ []string) error {
		return act(box, ctx, s.By, s.Reason)
	})
	s.AddTo(cmd)
	_ = cmd.MarkFlagRequired("reason")
	return cmd
}
