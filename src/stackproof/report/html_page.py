"""The fixed parts of the HTML report: its content security policy, style and script."""

from __future__ import annotations

POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; base-uri 'none'"

STYLE = """
:root{color-scheme:light dark;--bg:#fff;--fg:#1c2128;--soft:#656d76;--line:#d8dee4;--code:#f6f8fa;
--error:#b3261e;--warning:#8a5a00;--info:#0550ae;--good:#116329}
@media(prefers-color-scheme:dark){:root{--bg:#0d1117;--fg:#e6edf3;--soft:#9198a1;--line:#30363d;
--code:#161b22;--error:#ff7b72;--warning:#e3b341;--info:#79c0ff;--good:#56d364}}
body{background:var(--bg);color:var(--fg);font:16px/1.5 system-ui,sans-serif;margin:0}
main{max-width:64rem;margin:0 auto;padding:1rem}
h1{font-size:1.5rem}h2{font-size:1.1rem;border-bottom:1px solid var(--line);overflow-wrap:anywhere}
h3{font-size:1rem;font-weight:400;margin:0}
article{border-left:4px solid var(--soft);padding:.25rem .75rem;margin:.75rem 0}
article.error{border-color:var(--error)}article.warning{border-color:var(--warning)}
article.info,article.note{border-color:var(--info)}
.error b,label.error{color:var(--error)}.warning b,label.warning{color:var(--warning)}
.info b,.note b,label.info,label.note{color:var(--info)}
.PASS strong{color:var(--good)}.FAIL strong{color:var(--error)}
p{margin:.25rem 0;white-space:pre-wrap;overflow-wrap:anywhere}
pre{background:var(--code);padding:.5rem;overflow-x:auto;margin:.25rem 0}
mark{background:none;color:inherit;font-weight:700}
.faint,dt,article span{color:var(--soft)}
dl{display:grid;grid-template-columns:max-content 1fr;gap:0 .75rem;margin:.25rem 0;font-size:.9rem}
dt{max-width:16rem;overflow-wrap:anywhere}dd{margin:0;overflow-wrap:anywhere}
nav{display:flex;flex-wrap:wrap;gap:1rem;align-items:center;margin:1rem 0}
input[type=search]{font:inherit;padding:.2rem .5rem;flex:1;min-width:10rem}
[hidden]{display:none}
"""

SCRIPT = """
(function () {
  const boxes = [...document.querySelectorAll('nav input[type=checkbox]')];
  const search = document.querySelector('nav input[type=search]');
  function show() {
    const kinds = new Set(boxes.filter(box => box.checked).map(box => box.value));
    const wanted = search.value.toLowerCase();
    document.querySelectorAll('article[data-kind]').forEach(article => {
      const text = article.textContent.toLowerCase();
      article.hidden = !(kinds.has(article.dataset.kind) && text.includes(wanted));
    });
    document.querySelectorAll('section').forEach(section => {
      const articles = [...section.querySelectorAll('article')];
      section.hidden = articles.length > 0 && articles.every(article => article.hidden);
    });
  }
  boxes.forEach(box => box.addEventListener('change', show));
  search.addEventListener('input', show);
  show();
})();
"""
