/** A worker that ticks: a page in the background keeps its beat, and a page that hangs loses it. */

setInterval(() => postMessage(null), 2000);
