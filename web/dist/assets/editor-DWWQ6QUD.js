import{a}from"./chunk-D5KFBISF.js";import"./chunk-SALD4VYO.js";import"./chunk-PEA6V4BR.js";import"./chunk-Y6OZ255Y.js";export{a as Editor};
