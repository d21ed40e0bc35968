package integration_test

import (
	"database/sql"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/delivery"
)

// What the example keeps of several reports does not depend on their order, and a message
// that is sent again has its new remote id.
func TestDeliveryTables(t *testing.T) {
	opened, err := sql.Open("sqlite", filepath.Join(t.TempDir(), "shop.db"))
	require.NoError(t, err)
	defer func() { require.NoError(t, opened.Close()) }()
	db, ctx := table{opened}, t.Context()
	_, err = db.Exec(deliveryTables)
	require.NoError(t, err)

	all := []delivery.Report{
		{RemoteID: "a", Time: time.Unix(5, 0)}, {RemoteID: "a", Time: time.Unix(5, 0), Delivered: true}, {RemoteID: "a", Time: time.Unix(4, 0)},
		{RemoteID: "b", Time: time.Unix(5, 0), Delivered: true}, {RemoteID: "b", Time: time.Unix(6, 0)}, {RemoteID: "b", Time: time.Unix(5, 0)},
	}
	for range 2 {
		for _, r := range all {
			require.NoError(t, db.keep(ctx, r))
		}
		for remote, want := range map[string]bool{"a": true, "b": false} {
			var delivered bool
			require.NoError(t, db.QueryRow(`SELECT delivered FROM report WHERE remote = ?`, remote).Scan(&delivered))
			require.Equal(t, want, delivered, remote)
		}
		_, err = db.Exec(`DELETE FROM report`)
		require.NoError(t, err)
		slices.Reverse(all)
	}

	require.NoError(t, db.sent(ctx, []smslink.Result{{ID: 1, RemoteID: "a", Status: smslink.StatusInsufficientCredit}, {ID: 2, Status: smslink.StatusUnreported}}))
	require.NoError(t, db.sent(ctx, []smslink.Result{{ID: 1, RemoteID: "b", Status: smslink.StatusSuccess}, {ID: 3, RemoteID: "b", Status: smslink.StatusSuccess}}))
	var rows string
	require.NoError(t, db.QueryRow(`SELECT group_concat(id || remote || status) FROM (SELECT * FROM sent WHERE remote NOT NULL ORDER BY id)`).Scan(&rows))
	require.Equal(t, "1bsuccess,3bsuccess", rows)
}
