// Before the page is shown: the theme that was chosen for these pages, else the system's.
"use strict";
document.documentElement.dataset.theme = localStorage.getItem("theme") ?? "system";
