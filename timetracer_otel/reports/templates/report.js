(function () {
  "use strict";
  var find = document.getElementById("find");
  var none = document.getElementById("none");
  var items = Array.prototype.slice.call(document.querySelectorAll("article"));
  var buttons = Array.prototype.slice.call(document.querySelectorAll("button[data-outcome]"));
  var texts = items.map(function (item) { return item.textContent.toLowerCase(); });
  var outcome = "";
  function show() {
    var words = find.value.toLowerCase().split(/\s+/).filter(Boolean);
    var shown = 0;
    items.forEach(function (item, at) {
      var fits = (!outcome || item.dataset.outcome === outcome) &&
        words.every(function (word) { return texts[at].indexOf(word) >= 0; });
      item.hidden = !fits;
      shown += fits ? 1 : 0;
    });
    none.hidden = shown > 0;
  }
  function open(yes) {
    items.forEach(function (item) { if (!item.hidden) { item.firstElementChild.open = yes; } });
  }
  buttons.forEach(function (button) {
    button.addEventListener("click", function () {
      outcome = button.dataset.outcome;
      buttons.forEach(function (other) { other.setAttribute("aria-pressed", String(other === button)); });
      show();
    });
  });
  find.addEventListener("input", show);
  document.getElementById("expand").addEventListener("click", function () { open(true); });
  document.getElementById("collapse").addEventListener("click", function () { open(false); });
  document.addEventListener("keydown", function (event) {
    if (event.key === "/" && document.activeElement !== find) { event.preventDefault(); find.focus(); }
  });
})();
