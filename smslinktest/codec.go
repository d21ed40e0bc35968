package smslinktest

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"

	"github.com/go-smslink/smslink"
)

// TestCodec tests a codec of one's own, as testing/fstest.TestFS does a file
// system: that what it makes of plain forms from one line to a megabyte, and
// of other bytes, is what the gateway's decoder for its Method undoes, in one
// stream with nothing behind it; that it appends to dst, leaves plain as it is, and
// may be called concurrently. The error joins all that is wrong.
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
		if err := testInput(codec, input.plain); err != nil {
			errs = append(errs, fmt.Errorf("smslinktest: %s: %w", input.name, err))
		}
	}
	if len(errs) == 0 {
		if err := testConcurrently(codec, inputs[:2]); err != nil {
			errs = append(errs, fmt.Errorf("smslinktest: called concurrently: %w", err))
		}
	}
	return errors.Join(errs...)
}

type codecInput struct {
	name  string
	plain []byte
}

func codecInputs() []codecInput {
	noise := make([]byte, 200_000)
	_, _ = rand.NewChaCha8([32]byte{24}).Read(noise)
	var campaign bytes.Buffer
	for id := range 10_000 {
		fmt.Fprintf(&campaign, "%d;07%08d;numeric;Bună ziua! Codul dvs. este %d.%%0AMulțumim%%3B o zi frumoasă;0\r\n", id, id*7919%1e8, id*104729%1e6)
	}
	return []codecInput{
		{"one byte", []byte("a")},
		{"one line", []byte("1;0712345678;numeric;Salut!;0")},
		{"10,000 lines", bytes.TrimSuffix(campaign.Bytes(), []byte("\r\n"))},
		{"1 MB of one letter", bytes.Repeat([]byte("a"), 1_000_000)},
		{"every byte", []byte(strings.Repeat("\x00\x01\x7f\x80\xfe\xff", 1000))},
		{"200 kB of noise", noise},
	}
}

func testInput(codec smslink.Codec, plain []byte) error {
	const head = "head"
	dst := append(make([]byte, 0, 64), head...)
	given := bytes.Clone(plain)
	packed, err := codec.AppendCompress(dst, given)
	switch {
	case err != nil:
		return fmt.Errorf("AppendCompress: %w", err)
	case !bytes.Equal(given, plain):
		return errors.New("AppendCompress changed plain")
	case !bytes.HasPrefix(packed, []byte(head)):
		return errors.New("AppendCompress did not append to dst")
	}
	packed = packed[len(head):]
	got, err := decompress(codec.Method(), packed, len(plain))
	switch {
	case err != nil:
		return fmt.Errorf("what it makes can't be decoded: %w", err)
	case !bytes.Equal(got, plain):
		return errors.New("what it makes decodes to something else")
	}
	return nil
}

func testConcurrently(codec smslink.Codec, inputs []codecInput) error {
	var wg sync.WaitGroup
	errs := make([]error, 8)
	for worker := range errs {
		wg.Go(func() {
			for round := range 100 {
				input := inputs[(worker+round)%len(inputs)]
				if err := testInput(codec, input.plain); err != nil {
					errs[worker] = fmt.Errorf("%s: %w", input.name, err)
					return
				}
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}
