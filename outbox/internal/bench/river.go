//go:build unix

package main

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
)

// job is a message as a job of River.
type job struct {
	To   string `json:"to"`
	Text string `json:"text"`
}

// Kind names the job.
func (job) Kind() string { return "sms" }

// worker does nothing with its jobs, so that what is measured is River's own work.
type worker struct {
	river.WorkerDefaults[job]
	worked *atomic.Int64
}

// Work counts the job.
func (w *worker) Work(context.Context, *river.Job[job]) error {
	w.worked.Add(1)
	return nil
}

// river measures River with the same messages, a job each.
func (b *bench) river(ctx context.Context, dsn string) error {
	pool, err := pgxpool.New(ctx, dsn+"&pool_max_conns=32")
	if err != nil {
		return err
	}
	defer pool.Close()
	driver := riverpgxv5.New(pool)
	migrator, err := rivermigrate.New(driver, nil)
	if err != nil {
		return err
	}
	if _, err := migrator.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return err
	}
	var worked atomic.Int64
	workers := river.NewWorkers()
	river.AddWorker(workers, &worker{worked: &worked})
	client, err := river.NewClient(driver, &river.Config{
		// By default River waits 100 ms between two fetches, and would do little else here.
		Queues: map[string]river.QueueConfig{
			river.QueueDefault: {MaxWorkers: 500, FetchCooldown: river.FetchCooldownMin},
		},
		Workers: workers,
	})
	if err != nil {
		return err
	}

	const batch = 1000
	start := time.Now()
	for first := 0; first < *batched; first += batch {
		jobs := make([]river.InsertManyParams, batch)
		for i := range jobs {
			jobs[i].Args = job{fmt.Sprintf("07%08d", first+i), text(first + i)}
		}
		err := pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
			_, err := client.InsertManyTx(ctx, tx, jobs)
			return err
		})
		if err != nil {
			return err
		}
	}
	rate := float64(*batched) / time.Since(start).Seconds()
	b.add("enqueue by thousands ÷ River's `InsertManyTx`", "", 0, b.batchRate/rate)
	rate, err = single(func(i int) error {
		return pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
			_, err := client.InsertTx(ctx, tx, job{fmt.Sprintf("07%08d", i), text(i)}, nil)
			return err
		})
	})
	if err != nil {
		return err
	}
	b.add("enqueue one by one ÷ River's `InsertTx`", "", 0, b.singleRate/rate)

	start = time.Now()
	if err := client.Start(ctx); err != nil {
		return err
	}
	for worked.Load() < int64(*batched+*singles) {
		time.Sleep(10 * time.Millisecond)
	}
	rate = float64(*batched+*singles) / time.Since(start).Seconds()
	if err := client.Stop(ctx); err != nil {
		return err
	}
	b.add("drain, uploads included ÷ River working jobs that do nothing", "", 0, b.drainRate/rate)
	return nil
}
