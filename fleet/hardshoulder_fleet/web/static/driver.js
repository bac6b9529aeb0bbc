// Keeps the driver's page fresh without ever losing it: a reload where there is no network would leave her
// with the browser's own page, and without what to do now. Without JavaScript the page reloads by itself.
const line = document.getElementById("line");
let page = document;

const main = (of) => of.querySelector("main");
// Each answer signs its forms anew; that alone is no news.
const news = (of) => main(of).innerHTML.replace(/name="form" value="[^"]*"/g, "");

function take(fresh) {
  // A finger that is on a button keeps it.
  if (document.querySelector(":active") || news(fresh) === news(page)) return;
  main(document).replaceWith(document.adoptNode(main(fresh).cloneNode(true)));
  page = fresh;
}

async function look() {
  try {
    const answer = await fetch(location.href, { cache: "no-store", signal: AbortSignal.timeout(10_000) });
    if (answer.status >= 500) throw new Error("not now");
    if (!answer.ok) return location.reload();
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    take(fresh);
    document.body.dataset.refresh = fresh.body.dataset.refresh;
    line.hidden = true;
  } catch {
    line.hidden = false;
  }
  setTimeout(look, Number(document.body.dataset.refresh) * 1000);
}

setTimeout(look, Number(document.body.dataset.refresh) * 1000);
