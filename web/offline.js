/**
 * The service worker: keeps what the page has loaded, so that it works without a network afterwards.
 *
 * Addresses with a sum (?...) change with their content: what was kept of them is right. Of all others the server's
 * version comes first.
 */

const NAME = "page";

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", event => event.waitUntil(self.clients.claim()));
self.addEventListener("fetch", event => {
  const { method, url } = event.request, { origin, search } = new URL(url);
  if (method !== "GET" || origin !== self.location.origin) return;
  event.respondWith(search ? keptFirst(event.request) : serverFirst(event.request));
});

async function keptFirst(request) {
  const cache = await caches.open(NAME), kept = await cache.match(request);
  if (kept) return kept;
  await cache.delete(request, { ignoreSearch: true });
  return keep(cache, request, await fetch(request));
}

async function serverFirst(request) {
  const cache = await caches.open(NAME);
  try {
    return await keep(cache, request, await fetch(request, { cache: "no-cache" }));
  } catch (error) {
    const kept = await cache.match(request);
    if (kept) return kept;
    throw error;
  }
}

async function keep(cache, request, response) {
  // A full disk is no reason to show nothing.
  if (response.ok) await cache.put(request, response.clone()).catch(() => {});
  return response;
}
