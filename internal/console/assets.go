package console

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"
)

//go:embed static vendored/*.js vendored/*.woff2
var files embed.FS

// assets are the script, the styles, the fonts and the sign, each under a name
// that its content gives it, so that a browser may keep it for ever.
type assets struct {
	named map[string]string // "onus.js" → its address
	at    map[string][]byte // by address
}

// bundled puts the assets together. The scripts are one file: loaded apart,
// htmx and its extensions race.
func bundled() assets {
	a := assets{named: map[string]string{}, at: map[string][]byte{}}
	style := read("static/onus.css")
	for _, font := range []string{"inter-latin.woff2", "inter-latin-ext.woff2"} {
		address := a.add(font, read("vendored/"+font))
		style = bytes.ReplaceAll(style, []byte("url("+font+")"), []byte("url("+address+")"))
	}
	a.add("onus.css", style)
	a.add("onus.js", bytes.Join([][]byte{read("vendored/htmx-4.0.1.min.js"), read("vendored/hx-csp-4.0.1.min.js"), read("static/onus.js"), read("static/proof.js")}, []byte("\n;\n")))
	a.at["/assets/onus.svg"] = read("static/onus.svg")
	return a
}

func read(name string) []byte {
	data, err := fs.ReadFile(files, name)
	if err != nil {
		panic(fmt.Sprintf("console: %v", err)) // they are part of the program
	}
	return data
}

func (a assets) add(name string, data []byte) (address string) {
	sum := sha256.Sum256(data)
	ext := path.Ext(name)
	address = "/assets/" + strings.TrimSuffix(name, ext) + "." + hex.EncodeToString(sum[:6]) + ext
	a.named[name], a.at[address] = address, data
	return address
}

func (a assets) address(name string) string { return a.named[name] }

func (a assets) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	data, known := a.at[r.URL.Path]
	if !known {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	http.ServeContent(w, r, path.Base(r.URL.Path), time.Time{}, bytes.NewReader(data))
}
