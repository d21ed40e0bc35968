package smslinktest

import (
	"bytes"
	"crypto/md5"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"

	"github.com/go-smslink/smslink"
)

// TestCodec tests an implementation of [smslink.Codec], as testing/fstest.TestFS tests a file
// system. It checks that
//
//   - the gateway's decoder for its Method restores what it compresses, from one line to two
//     megabytes, in one stream with nothing behind it
//   - it appends to any dst
//   - it does not write to plain
//   - it can be called concurrently
//
// Run it with the race detector, which sees more. TestCodec returns all errors, joined.
//
//	if err := smslinktest.TestCodec(myCodec); err != nil {
//		t.Fatal(err)
//	}
func TestCodec(codec smslink.Codec) error {
	if method := codec.Method(); method < 0 || method > 3 {
		return fmt.Errorf("smslinktest: Method is %d, and the gateway knows 0 to 3", method)
	}
	var errs []error
	if codec.String() == "" {
		errs = append(errs, errors.New("smslinktest: String is empty"))
	}
	inputs := codecInputs()
	for _, input := range inputs {
		if err := testInput(codec, input); err != nil {
			errs = append(errs, fmt.Errorf("smslinktest: %s: %w", input.name, err))
		}
	}
	if len(errs) == 0 {
		if err := testConcurrently(codec, inputs[1]); err != nil {
			errs = append(errs, fmt.Errorf("smslinktest: called concurrently: %w", err))
		}
	}
	for _, input := range inputs {
		if md5.Sum(input.plain) != input.sum {
			errs = append(errs, fmt.Errorf("smslinktest: %s: plain was changed", input.name))
		}
	}
	return errors.Join(errs...)
}

// codecInput is an input that a codec must not change, and its digest.
type codecInput struct {
	name  string
	plain []byte
	sum   [md5.Size]byte
}

func codecInputs() []codecInput {
	noise := make([]byte, 200_000)
	_, _ = rand.NewChaCha8([32]byte{24}).Read(noise)
	var campaign bytes.Buffer
	for id := range 22_000 {
		fmt.Fprintf(&campaign, "%d;07%08d;numeric;Bună ziua! Codul dvs. este %d.%%0AMulțumim%%3B o zi frumoasă;0\r\n", id, id*7919%1e8, id*104729%1e6)
	}
	inputs := []codecInput{
		{name: "one byte", plain: []byte("a")},
		{name: "one line", plain: []byte("1;0712345678;numeric;Salut! Comanda 4829 este gata;0")},
		{name: "22,000 lines", plain: bytes.TrimSuffix(campaign.Bytes(), []byte("\r\n"))}, // over two bzip2 blocks
		{name: "1 MB of one letter", plain: bytes.Repeat([]byte("a"), 1_000_000)},
		{name: "every byte", plain: []byte(strings.Repeat("\x00\x01\x7f\x80\xfe\xff", 1000))},
		{name: "200 kB of noise", plain: noise},
	}
	for i := range inputs {
		inputs[i].sum = md5.Sum(inputs[i].plain)
	}
	return inputs
}

// testInput tests an input with a dst that has room, and small ones with one that
// is full and with none.
func testInput(codec smslink.Codec, input codecInput) error {
	const head = "head"
	dsts := [][]byte{append(make([]byte, 0, 64), head...)}
	if len(input.plain) < 10_000 {
		dsts = append(dsts, []byte(head)[:len(head):len(head)], nil)
	}
	for _, dst := range dsts {
		given := string(dst)
		packed, err := codec.AppendCompress(dst, input.plain)
		switch {
		case err != nil:
			return fmt.Errorf("AppendCompress: %w", err)
		case string(dst) != given || !bytes.HasPrefix(packed, dst):
			return errors.New("AppendCompress did not append to dst")
		}
		got, err := decompress(codec.Method(), packed[len(dst):], len(input.plain))
		switch {
		case err != nil:
			return fmt.Errorf("what it makes can't be decoded: %w", err)
		case !bytes.Equal(got, input.plain):
			return errors.New("what it makes decodes to something else")
		}
	}
	return nil
}

// testConcurrently shares one input among goroutines that compress it, while another
// one reads it, as Send does for its digest.
func testConcurrently(codec smslink.Codec, input codecInput) error {
	var workers sync.WaitGroup
	errs := make([]error, 9)
	for worker := range 8 {
		workers.Go(func() {
			for range 100 {
				if err := testInput(codec, input); err != nil {
					errs[worker] = err
					return
				}
			}
		})
	}
	done := make(chan struct{})
	go func() {
		workers.Wait()
		close(done)
	}()
	for {
		if md5.Sum(input.plain) != input.sum {
			errs[8] = errors.New("plain was changed for a while")
		}
		select {
		case <-done:
			return errors.Join(errs...)
		default:
			runtime.Gosched()
		}
	}
}
