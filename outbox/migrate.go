package outbox

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"time"

	"github.com/pressly/goose/v3"
)

//go:embed migrations
var migrations embed.FS

// Migrations returns the dialect's migrations, as files that goose reads. It is for those who
// migrate all of their tables with one tool; the others call [Outbox.Migrate].
func Migrations(dialect *Dialect) fs.FS {
	files, err := fs.Sub(migrations, "migrations/"+dialect.name)
	if err != nil {
		panic(err) // a dialect without its folder
	}
	return files
}

// Migrate creates the outbox's tables, or brings them up to date. Several processes may call it at
// a time. It needs the right to create tables, which the other methods do not. goose records the
// versions in the table smslink_goose.
func (o *Outbox) Migrate(ctx context.Context) error {
	provider, err := goose.NewProvider(goose.Dialect(o.dialect.name), o.db, Migrations(o.dialect),
		goose.WithTableName("smslink_goose"), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return fmt.Errorf("smslink: migrating the outbox: %w", err)
	}
	const attempts = 10 // another process that migrates makes one fail
	for attempt := 1; ; attempt++ {
		if _, err = provider.Up(ctx); err == nil {
			return nil
		}
		if attempt == attempts || !sleep(ctx, 300*time.Millisecond, nil) {
			return fmt.Errorf("smslink: migrating the outbox: %w", err)
		}
	}
}
