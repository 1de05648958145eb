// Shows anew what has changed, when the node says so; never under the fingers of somebody who is typing.
"use strict";
(() => {
  const wanted = () => (document.body.dataset.live || "").split(" ").filter(Boolean);
  let typing = false;
  let waiting = 0;
  document.addEventListener("input", (event) => {
    if (event.target.closest("form[method=post]")) typing = true;
  });
  let unfolded = [];
  document.addEventListener("htmx:beforeSwap", () => {
    unfolded = Array.from(document.querySelectorAll("#live details[open][id]"), (one) => one.id);
  });
  document.addEventListener("htmx:afterSwap", () => {
    typing = false;
    for (const id of unfolded) document.getElementById(id)?.setAttribute("open", "");
  });

  const isBusy = (live) => typing || (live.contains(document.activeElement) && document.activeElement.matches("input, textarea, select"));
  // What is shown anew by the clock is asked for only while somebody looks at it, and is not typing.
  document.addEventListener("htmx:beforeRequest", (event) => {
    if (event.target.id === "live" && (document.visibilityState === "hidden" || isBusy(event.target))) event.preventDefault();
  });

  const refresh = () => {
    waiting = 0;
    const live = document.getElementById("live");
    if (!live || !window.htmx) return;
    if (isBusy(live)) document.getElementById("news").hidden = false;
    else window.htmx.trigger(live, "p2pnode:news");
  };
  const soon = () => { if (!waiting) waiting = window.setTimeout(refresh, 300); };

  // A browser has six connections to a host for all its windows together: only one that is looked at keeps one.
  let source = null;
  const named = (event) => JSON.parse(event.data).what.some((what) => wanted().includes(what));
  const listen = () => {
    if (source) return;
    source = new EventSource("/v1/events?after=" + encodeURIComponent(document.body.dataset.heard));
    source.addEventListener("changed", (event) => { if (named(event)) soon(); });
    source.addEventListener("listings", () => { if (wanted().includes("listings")) soon(); });
    source.addEventListener("health", () => { if (wanted().includes("health")) soon(); });
    source.addEventListener("resync", soon);
  };
  const rest = () => { if (source) source.close(); source = null; };

  if (wanted().length && window.EventSource) {
    if (document.visibilityState !== "hidden") listen();
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "hidden") return rest();
      listen();
      soon(); // what came meanwhile was not heard
    });
    window.addEventListener("pagehide", rest);
    window.addEventListener("pageshow", (event) => { if (event.persisted) { listen(); soon(); } });
  }
})();
