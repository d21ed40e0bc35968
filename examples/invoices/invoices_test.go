package main

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink/smslinktest"
)

func TestRun(t *testing.T) {
	var out strings.Builder
	require.NoError(t, run(&out, t.TempDir()))
	require.Equal(t, `run 1: 200 in doubt; smslink: the stream stopped: the gateway answered with ERROR 3: the user is suspended
     1 invalid
   200 accepted
   200 in doubt
   200 rejected
   149 not sent
run 2: 200 in doubt; <nil>
     1 invalid
   549 accepted
   200 in doubt
749 messages arrived, each once
`, out.String())
}

// A run that loses its database has its results in the journal, and the next run stores them.
func TestRemind_databaseThatFails(t *testing.T) {
	folder := t.TempDir()
	db, err := open(folder)
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	_, err = db.Exec(`CREATE TRIGGER full BEFORE UPDATE ON invoice BEGIN SELECT raise(abort, 'the disk is full'); END`)
	require.NoError(t, err)
	gateway := smslinktest.NewGateway(nil)
	defer gateway.Close()
	file := filepath.Join(folder, "journal")
	_, err = remind(context.Background(), gateway.Client(), db, file)
	require.ErrorContains(t, err, "the disk is full")
	_, err = db.Exec(`DROP TRIGGER full`)
	require.NoError(t, err)
	_, err = remind(context.Background(), gateway.Client(), db, file)
	require.NoError(t, err)

	var kept, remotes int
	require.NoError(t, db.QueryRow(`SELECT count(*), count(DISTINCT remote) FROM invoice WHERE sms = 'accepted'`).Scan(&kept, &remotes))
	require.Equal(t, 749, kept)
	require.Equal(t, 749, remotes)
	require.Len(t, gateway.Messages(), 749, "nothing was sent twice")
}
