// What a page does for whoever uses it: times in their zone, keys, copying,
// signing in, and asking for itself again when something happened. Reading
// works without it.
"use strict";
(() => {
  const $ = (what, of = document) => of.querySelector(what);
  const all = (what, of = document) => [...of.querySelectorAll(what)];

  // Times: in words as the server wrote them; in the viewer's zone on hover.
  const zone = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "long" });
  const times = (of) => all("time[datetime]", of).forEach((t) => {
    const at = new Date(t.dateTime);
    if (!isNaN(at)) t.title = zone.format(at) + " · " + t.dateTime;
  });

  const say = (text) => { const at = $("#said"); if (at) at.textContent = text; };

  // A refused or failed answer of the interface, in its own words.
  const post = async (path, body) => {
    const answer = await fetch("/api/v1" + path, {
      method: "POST", credentials: "same-origin", headers: { "Content-Type": "application/json" }, body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await answer.text();
    const says = text ? JSON.parse(text) : {};
    if (!answer.ok) throw new Error([says.detail, says.hint].filter(Boolean).join(". ") || "that did not work");
    return says;
  };

  // Signing in and out.
  const signIn = (card) => {
    const wrong = $("[data-wrong]", card);
    const go = async (how) => {
      wrong.hidden = true;
      try {
        await how();
        location.assign(card.dataset.returnTo);
      } catch (e) {
        wrong.textContent = e.message;
        wrong.hidden = false;
      }
    };
    $("[data-passkey]", card).addEventListener("click", () => go(async () => {
      const { publicKey } = await post("/sign-in/passkey/begin");
      const key = await navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(publicKey) });
      await post("/sign-in/passkey/finish", key.toJSON());
    }));
    const form = $("[data-invitation]", card);
    form.addEventListener("submit", (e) => {
      e.preventDefault();
      go(() => post("/sign-in/invitation", { code: new FormData(form).get("code").trim() }));
    });
    // A one-time link carries its code behind the #, which no server and no
    // log sees; it is used when the person says so.
    const code = new URLSearchParams(location.hash.slice(1)).get("code");
    if (code) {
      history.replaceState(null, "", location.pathname + location.search);
      $("[name=code]", form).value = code;
      $("button", form).focus();
    }
  };

  // What counts only when it is signed: the passkey signs the statement that
  // the server makes of the answer, and the form takes both along.
  const sign = async (form, button) => {
    const wrong = $("[data-unsigned]", form), reason = $("[name=reason]", form).value.trim();
    wrong.hidden = true;
    all("[data-signed]", form).forEach((field) => field.remove());
    try {
      const { statement, passkey } = await post(form.dataset.sign, { yes: button.value === "yes", reason });
      if (!passkey) throw new Error("You have no passkey here. Register one, or sign at the command line: onus approve --sign KEYFILE");
      const key = await navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(passkey.publicKey) });
      for (const [name, value] of [["statement", statement], ["assertion", JSON.stringify(key)]]) {
        const field = document.createElement("input");
        Object.assign(field, { type: "hidden", name, value });
        field.dataset.signed = "";
        form.append(field);
      }
      form.requestSubmit(button);
    } catch (e) {
      wrong.textContent = "Nothing was recorded, for it was not signed. " + (e.name === "NotAllowedError" ? "The passkey was not used: try again, or sign at the command line: onus approve --sign KEYFILE" : e.message) + ".";
      wrong.hidden = false;
    }
  };
  document.addEventListener("submit", (e) => {
    if (e.target.dataset.sign === undefined || e.submitter?.value !== "yes" || $("[data-signed]", e.target)) return;
    e.preventDefault();
    sign(e.target, e.submitter);
  });

  // Keys. One that decides counts down first, and Escape takes it back.
  const undo = 4;
  let pending;
  const stop = () => { clearInterval(pending); pending = undefined; say(""); };
  const decide = (button) => {
    const form = button.form, reason = $("[name=reason]", form);
    if (button.hasAttribute("data-needs-reason") && !reason.value.trim()) {
      say("Say why first.");
      reason.focus();
      return;
    }
    stop();
    let left = undo;
    const count = () => {
      if (left === 0) {
        stop();
        form.requestSubmit(button);
        return;
      }
      say(button.firstChild.textContent.trim() + " in " + left-- + " s. Escape takes it back.");
    };
    count();
    pending = setInterval(count, 1000);
  };

  const move = (by) => {
    const items = all("#main [data-item]");
    if (!items.length) return;
    const at = items.indexOf(document.activeElement);
    items[Math.max(0, Math.min(items.length - 1, at + by))].focus();
  };

  document.addEventListener("keydown", (e) => {
    if (e.key === "Escape") {
      if (pending) stop();
      else if (document.activeElement.id === "seek") $("#main").focus();
      return;
    }
    const typing = /^(INPUT|TEXTAREA|SELECT)$/.test(e.target.tagName);
    if ((e.key === "k" && (e.ctrlKey || e.metaKey)) || (e.key === "/" && !typing)) {
      e.preventDefault();
      $("#seek")?.focus();
      return;
    }
    if (e.target.id === "seek" && e.key === "ArrowDown") {
      e.preventDefault();
      $("#found [data-item]")?.focus();
      return;
    }
    if (typing || e.ctrlKey || e.metaKey || e.altKey) return;
    const button = $(`[data-decide] button[data-key="${CSS.escape(e.key)}"]`);
    if (button) {
      e.preventDefault();
      decide(button);
    } else if (e.key === "j") move(1);
    else if (e.key === "k") move(-1);
    else if (e.key === "m") location.assign("/mine");
  });

  document.addEventListener("click", async (e) => {
    const copy = e.target.closest("[data-copy]");
    if (copy) {
      await navigator.clipboard.writeText(copy.dataset.copy);
      say("Copied.");
    }
    if (e.target.closest("[data-sign-out]")) {
      await post("/sign-out");
      location.assign("/sign-in");
    }
  });

  // Live: the server says that something happened, and the page asks for
  // itself. What is being typed stays.
  const follow = () => {
    if (!$("[data-signed-in]") || !$("#main[hx-get]")) return;
    const source = new EventSource("/live");
    let first = true;
    source.addEventListener("moved", () => {
      if (!first && !document.hidden) document.body.dispatchEvent(new Event("onus:moved"));
      first = false;
    });
    addEventListener("pagehide", () => source.close());
  };

  document.addEventListener("htmx:after:swap", () => times(document));
  addEventListener("DOMContentLoaded", () => {
    times(document);
    const card = $("[data-sign-in]");
    if (card) signIn(card);
    follow();
    document.documentElement.dataset.ready = "";
  });
})();
