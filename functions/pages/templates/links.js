// The key of a reference is in the fragment, which only the browser knows. So links that must keep it are made here.
for (const link of document.querySelectorAll("a[data-choose]")) {
    const url = new URL(window.location.href);
    url.searchParams.set("app", link.dataset.choose);
    link.href = url.href;
}
for (const link of document.querySelectorAll("a[data-open]")) {
    link.href = window.location.href.replace(/^https?:/i, link.dataset.open + ":");
}
