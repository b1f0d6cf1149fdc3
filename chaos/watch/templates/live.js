"use strict";
const main = document.getElementById("run");
const lost = document.getElementById("lost");
let seen = "";

// Puts in what is new part by part, so that what has not changed keeps its place and what is open stays open.
function put(text) {
  const made = new DOMParser().parseFromString(text, "text/html");
  document.title = made.querySelector("[data-title]").dataset.title;
  const fresh = [...made.body.children];
  const open = new Set([...main.querySelectorAll("details[open]>summary")].map((one) => one.textContent));
  for (const one of made.querySelectorAll("details")) one.open = open.has(one.querySelector("summary").textContent);
  fresh.forEach((part, place) => {
    const there = main.children[place];
    if (!there) main.append(part);
    else if (there.outerHTML !== part.outerHTML) there.replaceWith(part);
  });
  while (main.children.length > fresh.length) main.lastElementChild.remove();
}

async function look() {
  try {
    const answer = await fetch("now", {cache: "no-store", headers: seen ? {"If-None-Match": seen} : {}});
    if (answer.status === 200) {
      seen = answer.headers.get("ETag");
      put(await answer.text());
    }
    lost.hidden = answer.ok || answer.status === 304;
  } catch {
    lost.hidden = false;
  }
  setTimeout(look, 1000);
}
look();
