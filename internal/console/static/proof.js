// The proof badge of a ledger entry: checks in this browser, with nothing but
// the proof, a key and WebCrypto, that a signed ledger holds the leaf that the
// page shows. C2SP tlog-proof, tlog-checkpoint and signed-note; RFC 6962.
"use strict";
(() => {
  const encoded = (text) => new TextEncoder().encode(text);
  const joined = (...parts) => {
    const all = new Uint8Array(parts.reduce((n, p) => n + p.length, 0));
    parts.reduce((at, p) => (all.set(p, at), at + p.length), 0);
    return all;
  };
  const bytes = (base64) => Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
  const same = (a, b) => a.length === b.length && a.every((x, i) => x === b[i]);
  const hash = async (...parts) => new Uint8Array(await crypto.subtle.digest("SHA-256", joined(...parts)));
  const number = (text) => {
    if (!/^(0|[1-9][0-9]{0,18})$/.test(text)) throw new Error("a number of the proof cannot be read");
    return BigInt(text);
  };
  const readable = (what, read) => {
    try { return read(); } catch { throw new Error(what + " cannot be read"); }
  };

  const parse = (text) => readable("the proof", () => {
    const cut = text.indexOf("\n\n"), lines = text.slice(0, cut).split("\n");
    if (cut < 0 || lines.length > 66 || lines[0] !== "c2sp.org/tlog-proof@v1" || !lines[1].startsWith("extra ") || !lines[2].startsWith("index ")) throw new Error();
    return { leaf: bytes(lines[1].slice(6)), index: number(lines[2].slice(6)), path: lines.slice(3).map(bytes), note: text.slice(cut + 2) };
  });

  // The root that the leaf and the path lead to (RFC 9162, section 2.1.3.2).
  const rootOf = async (leaf, index, size, path) => {
    let at = index, last = size - 1n, root = await hash([0], leaf);
    for (const beside of path) {
      if (last === 0n) return undefined;
      if (at & 1n || at === last) {
        root = await hash([1], beside, root);
        while (!(at & 1n) && at !== 0n) { at >>= 1n; last >>= 1n; }
      } else root = await hash([1], root, beside);
      at >>= 1n; last >>= 1n;
    }
    return last === 0n ? root : undefined;
  };

  // A key in text is NAME+HASH+KEY, where HASH is of the other two.
  const keyOf = async (text) => {
    const parts = /^([^+\s]+)\+([0-9a-f]{8})\+(\S+)$/.exec(text.trim());
    if (!parts) throw new Error("the key cannot be read: it looks like NAME+HASH+KEY");
    const key = readable("the key", () => bytes(parts[3]));
    if (key[0] !== 1 || key.length !== 33) throw new Error("the key is no Ed25519 key");
    const id = (await hash(encoded(parts[1] + "\n"), key)).slice(0, 4);
    if ([...id].map((b) => b.toString(16).padStart(2, "0")).join("") !== parts[2]) throw new Error("the key is damaged: its hash is not that of its name and key");
    return { name: parts[1], id, public: key.slice(1) };
  };

  const signedBy = async (note, key) => {
    const cut = note.lastIndexOf("\n\n");
    if (cut < 0) return false;
    const text = encoded(note.slice(0, cut + 1));
    const imported = await crypto.subtle.importKey("raw", key.public, "Ed25519", false, ["verify"]);
    for (const line of note.slice(cut + 2).split("\n")) {
      const parts = /^— (\S+) (\S+)$/.exec(line);
      if (!parts || parts[1] !== key.name) continue;
      const signature = readable("a signature", () => bytes(parts[2]));
      if (same(signature.slice(0, 4), key.id) && await crypto.subtle.verify("Ed25519", imported, signature.slice(4), text)) return true;
    }
    return false;
  };

  // check gives what was found good, step by step, or throws what is not.
  const check = async (shown, receipt, keyText, good) => {
    const key = await keyOf(keyText), p = parse(receipt);
    if (p.index !== number(shown.index)) throw new Error("the proof is of entry " + p.index + ", not of this one");
    if (!same(p.leaf, encoded(shown.leaf))) throw new Error("the leaf on this page is not the one that the proof is of");
    const lines = p.note.split("\n");
    const [origin, size] = [lines[0], number(lines[1] ?? "")], root = readable("the checkpoint", () => bytes(lines[2]));
    if (p.index >= size) throw new Error("the checkpoint is older than this entry");
    const leads = await rootOf(encoded(shown.leaf), p.index, size, p.path);
    if (!leads || !same(leads, root)) throw new Error("leaf and proof do not lead to the root of the checkpoint");
    good("The leaf on this page, hashed here, leads by " + p.path.length + " hashes to the root of a ledger with " + size + " entries.");
    if (origin !== key.name) throw new Error("the checkpoint is of the log " + origin + ", and the key of " + key.name);
    if (!await signedBy(p.note, key)) throw new Error("the checkpoint is not signed by this key");
    good("The checkpoint with that root is signed by this key, of " + key.name + ".");
  };

  const kept = "onus.ledger-key";
  const badge = (card) => {
    const $ = (what) => card.querySelector(what);
    const key = $("[data-key]"), outcome = $("[data-outcome]"), says = $("[data-says]"), steps = $("[data-steps]");
    const show = (kind, badge, text) => {
      outcome.className = "badge " + kind;
      outcome.textContent = badge;
      says.textContent = text;
      says.className = kind === "no" ? "wrong" : "";
    };
    const pinned = () => localStorage.getItem(kept);
    const whose = () => {
      const is = key.value.trim();
      $("[data-whose]").textContent = is === pinned() ? "that you kept in this browser" : is === card.dataset.served ? "as this server gives it" : "as you put it here";
      $("[data-unpin]").hidden = !pinned();
    };
    const good = (text) => {
      const li = document.createElement("li");
      li.textContent = text;
      steps.append(li);
      steps.hidden = false;
    };
    const run = async () => {
      steps.replaceChildren();
      steps.hidden = true;
      show("", "checking", "Checking…");
      let receipt;
      try {
        if (!globalThis.crypto?.subtle) throw new Error("this browser has no WebCrypto at an address without TLS");
        const answer = await fetch(card.dataset.proof, { credentials: "same-origin" });
        if (!answer.ok) throw new Error("the server gave no proof (" + answer.status + ")");
        receipt = await answer.text();
      } catch (e) {
        show("", "not tried", "It could not be checked: " + e.message + ".");
        return;
      }
      try {
        await check({ leaf: $("[data-leaf]").textContent, index: card.dataset.index }, receipt, key.value, good);
      } catch (e) {
        if (e.name === "NotSupportedError") show("", "not tried", "It could not be checked: this browser knows no Ed25519.");
        else show("no", "failed", "The check failed: " + e.message + ".");
        return;
      }
      const is = key.value.trim();
      if (is === card.dataset.served && is !== pinned()) show("good", "verified, by the server's own key", "The ledger holds this entry, if the key that this server gives is the right one.");
      else show("good", "verified", "The ledger holds this entry, by the key that " + (is === pinned() ? "you kept." : "you put here."));
    };
    key.value = pinned() ?? card.dataset.served;
    $("[data-scripted]").hidden = false;
    whose();
    key.addEventListener("input", whose);
    $("[data-check]").addEventListener("click", run);
    $("[data-pin]").addEventListener("click", () => { localStorage.setItem(kept, key.value.trim()); whose(); });
    $("[data-unpin]").addEventListener("click", () => { localStorage.removeItem(kept); key.value = card.dataset.served; whose(); });
  };
  addEventListener("DOMContentLoaded", () => document.querySelectorAll("[data-proof]").forEach(badge));
})();
