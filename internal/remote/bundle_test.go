package remote_test

import (
	"archive/tar"
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/onus-id/onus/internal/remote"
)

// A server that means ill writes nothing outside the bundle, and no link.
func TestAnArchiveThatIsNoBundleIsNotUnpacked(t *testing.T) {
	for name, h := range map[string]tar.Header{
		"a file above":    {Typeflag: tar.TypeReg, Name: "evidence/../../above"},
		"an absolute one": {Typeflag: tar.TypeReg, Name: "/etc/onus"},
		"another folder":  {Typeflag: tar.TypeReg, Name: "elsewhere/report.json"},
		"a link":          {Typeflag: tar.TypeSymlink, Name: "evidence/link", Linkname: "/etc"},
		"a hard link":     {Typeflag: tar.TypeLink, Name: "evidence/link", Linkname: "report.json"},
		"a pipe":          {Typeflag: tar.TypeFifo, Name: "evidence/pipe"},
	} {
		if err := unpacked(t, h); err == nil || !strings.Contains(err.Error(), "is none of a bundle's files") {
			t.Errorf("%s: %v", name, err)
		}
	}
	whole := tar.Header{Typeflag: tar.TypeReg, Name: "evidence/data/report.json"}
	if err := unpacked(t, whole); err != nil {
		t.Error(err)
	}
	if err := unpacked(t, whole, whole); err == nil {
		t.Error("a file is written over another")
	}
}

func unpacked(t *testing.T, files ...tar.Header) error {
	t.Helper()
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	for _, h := range files {
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	return remote.Unpack(root, &archive)
}
