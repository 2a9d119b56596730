"""How the sandbox's pages look: sober, readable in light and in dark, one column on a phone."""

from __future__ import annotations

STYLE = """
:root {
  color-scheme: light dark;
  --paper: #f4f1ea; --card: #ffffff; --ink: #1b1a17; --soft: #56524a; --line: #d9d3c6;
  --link: #0b4f8a; --banner: #b3141c; --on-banner: #ffffff; --x: #1b1a17; --facebook: #0b57c2;
  --bluesky: #0a6cc9; --mastodon: #5b3fd4;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #161513; --card: #211f1c; --ink: #f3efe6; --soft: #bdb6a8; --line: #3b3832;
    --link: #8cc4ff; --banner: #ffb3ad; --on-banner: #3a0407; --x: #f3efe6; --facebook: #8cb8ff;
    --bluesky: #6cc3ff; --mastodon: #b9adff;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--paper); color: var(--ink);
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif;
}
a { color: var(--link); text-underline-offset: .15em; }
a:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; border-radius: 2px; }
.banner {
  position: sticky; top: 0; z-index: 1; margin: 0; padding: .6rem 1.25rem;
  background: var(--banner); color: var(--on-banner);
}
.intro, main, footer { max-width: 90rem; margin: 0 auto; padding: 0 1.25rem; }
.intro { padding-top: 1.5rem; padding-bottom: 1rem; }
.intro h1 { margin: 0; font-size: 1.9rem; line-height: 1.15; letter-spacing: -.02em; }
.intro p { margin: .35rem 0 0; color: var(--soft); }
.timelines {
  display: grid; gap: 1.25rem; align-items: start;
  grid-template-columns: repeat(auto-fill, minmax(min(21rem, 100%), 1fr));
}
.alone { max-width: 40rem; }
section, .alone {
  background: var(--card); border: 1px solid var(--line); border-radius: .5rem; overflow: hidden;
}
section { border-top: .3rem solid var(--x); }
section.facebook { border-top-color: var(--facebook); }
section.mastodon { border-top-color: var(--mastodon); }
section.bluesky { border-top-color: var(--bluesky); }
section > header { padding: .8rem 1.1rem; }
section h2 { margin: 0; font-size: 1.15rem; line-height: 1.3; overflow-wrap: anywhere; }
section h2 a { color: inherit; text-decoration: none; }
section h2 a:hover { text-decoration: underline; }
section > header p { margin: .2rem 0 0; color: var(--soft); font-size: .9rem; }
.platform {
  display: inline-block; margin-right: .35rem; padding: 0 .5rem; border-radius: 1rem;
  background: var(--x); color: var(--card); font-weight: 600;
}
.facebook .platform { background: var(--facebook); }
.mastodon .platform { background: var(--mastodon); }
.bluesky .platform { background: var(--bluesky); }
article, .empty { margin: 0; padding: .9rem 1.1rem; }
section article, section .empty { border-top: 1px solid var(--line); }
article p { margin: .25rem 0 0; }
.when { font-size: .875rem; font-variant-numeric: tabular-nums; }
.when a { color: var(--soft); text-decoration: none; }
.when a:hover { text-decoration: underline; }
.when::first-letter { text-transform: uppercase; }
.text { white-space: pre-wrap; overflow-wrap: anywhere; }
.note, .empty, figcaption { color: var(--soft); font-size: .9rem; }
.link { padding: .5rem .75rem; border: 1px solid var(--line); border-radius: .35rem; }
article p.link { margin-top: .6rem; overflow-wrap: anywhere; }
figure { margin: .7rem 0 0; }
img {
  display: block; max-width: 100%; max-height: 24rem; border-radius: .35rem;
  border: 1px solid var(--line);
}
figcaption { margin-top: .3rem; }
footer { padding-top: 1.5rem; padding-bottom: 2rem; color: var(--soft); font-size: .9rem; }
"""
