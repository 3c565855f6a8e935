#include "tools/loadgen/html_report.hpp"

#include <fmt/format.h>
#include <simdjson.h>

#include <cstddef>
#include <stdexcept>

namespace carillon::loadgen {
namespace {

void check(const std::string& run, const std::string& name) {
  simdjson::dom::parser parser;
  std::string_view tool;
  const simdjson::padded_string text{run};
  if (parser.parse(text)["tool"].get(tool) != simdjson::SUCCESS || tool != "carillon-loadgen")
    throw std::invalid_argument{
        fmt::format("'{}' holds no result of carillon-loadgen (--json writes one)", name)};
}

// Inside a script element "</script" would end it; "<" is the same to JSON as its escape.
void append_escaped(std::string& out, const std::string& json) {
  for (const char c : json) {
    if (c == '<')
      out += "\\u003c";
    else
      out += c;
  }
}

constexpr const char* head = R"html(<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>carillon-loadgen</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
body{font:15px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:62rem;padding:0 1rem;color:#1d2433;background:#fff}
h1{font-size:1.4rem}h2{font-size:1.1rem;margin-top:2rem}
table{border-collapse:collapse;width:100%}th,td{text-align:right;padding:.25rem .6rem;border-bottom:1px solid #d8dce5}
th:first-child,td:first-child{text-align:left}.better{color:#136f3a}.worse{color:#a3251b}
.warning{background:#fff3d6;border-left:4px solid #d99a00;padding:.5rem .8rem;margin:.5rem 0}
svg{width:100%;height:auto}svg text{font:11px system-ui,sans-serif;fill:#49536a}.key{margin-right:1.2rem}
.swatch{display:inline-block;width:.8rem;height:.8rem;margin-right:.3rem;border-radius:2px}
</style></head><body><h1>carillon-loadgen</h1><div id="page"></div>
)html";

constexpr const char* script = R"html(<script>
"use strict";
const runs=[...document.querySelectorAll("script.run")].map(s=>JSON.parse(s.textContent));
const page=document.getElementById("page"),colours=["#2f6fdb","#d1582a","#1c8a5a","#8b4cc7","#b8860b","#5a6377"];
const colour=i=>colours[i%colours.length];
const name=(r,i)=>r.label||(r.scenario+" "+(i+1));
const el=(tag,text,parent,cls)=>{const e=document.createElement(tag);if(text!==undefined)e.textContent=text;if(cls)e.className=cls;(parent||page).append(e);return e;};
const get=(o,path)=>path.reduce((v,k)=>v===undefined?undefined:v[k],o);
const show=v=>v===undefined?"–":Math.abs(v)>=1000?Math.round(v).toLocaleString("en"):Number(v.toPrecision(4)).toString();
// Figures: path, title, +1 if more is better, -1 if less is.
const latency=(kind,title)=>["p50","p90","p99","p99.9","max"].map(p=>[["latency_ms",kind,p],title+" "+p+", ms",-1]);
const figures=[[["published","per_s"],"published, per s",1],[["deliveries","per_s"],"delivered, per s",1],
...latency("delivery","delivery"),...latency("answer","answer"),
[["server","deliveries_per_cpu_s"],"deliveries per server CPU-second",1],[["server","publishes_per_cpu_s"],"publishes per server CPU-second",1],
[["server","cpu_share"],"server's processors in use",0],[["server","resident_bytes_max"],"server's memory at most, bytes",-1],
[["server","bytes_per_connection"],"memory per subscription, bytes",-1],[["loadgen","cpu_share"],"load generator's processor in use",0],
[["check","unexplained_gaps"],"unexplained gaps",-1],[["check","told_gaps"],"told gaps",0],[["check","duplicates"],"duplicates",-1],[["check","out_of_order"],"out of order",-1],
[["published","refused"],"refused",0],[["connections","subscribed"],"subscriptions",0]];
runs.forEach((r,i)=>(r.loadgen.bottleneck||[]).forEach(b=>el("div",name(r,i)+": the load generator is the bottleneck: "+b,page,"warning")));
{const key=el("p");runs.forEach((r,i)=>{const k=el("span",undefined,key,"key");el("span",undefined,k,"swatch").style.background=colour(i);k.append(name(r,i)+" ("+r.scenario+", "+(r.settings.loop?r.settings.loop+" loop, ":"")+r.started+")");});}
{el("h2","Figures");const t=el("table"),h=el("tr",undefined,t);el("th","",h);
runs.forEach((r,i)=>{el("th",name(r,i),h);if(i)el("th","× "+name(runs[0],0),h);});
for(const [path,title,good] of figures){const values=runs.map(r=>get(r,path));if(values.every(v=>v===undefined||v===0))continue;
const row=el("tr",undefined,t);el("td",title,row);
values.forEach((v,i)=>{el("td",show(v),row);if(!i)return;const ratio=v/values[0];
el("td",Number.isFinite(ratio)?ratio.toFixed(2):"–",row,!good||!Number.isFinite(ratio)||Math.abs(ratio-1)<0.03?"":(ratio>1)===(good>0)?"better":"worse");});}}
const svgNS="http://www.w3.org/2000/svg";
const node=(parent,tag,attributes,text)=>{const e=document.createElementNS(svgNS,tag);for(const k in attributes)e.setAttribute(k,attributes[k]);if(text!==undefined)e.textContent=text;parent.append(e);return e;};
const linear=(max,n)=>{const raw=max/n,mag=10**Math.floor(Math.log10(raw||1)),step=[1,2,5,10].map(m=>m*mag).find(s=>s>=raw);const t=[];for(let v=0;v<=max+step/1e6;v+=step)t.push(v);return t;};
// lines: [{colour, dash, points:[[x,y]]}]; axes: {x,y} with {log, label, ticks, tick}.
function plot(title,lines,axes){lines=lines.filter(l=>l.points.length);if(!lines.length)return;el("h2",title);
const W=860,H=300,L=70,R=15,T=10,B=40,svg=node(page,"svg",{viewBox:`0 0 ${W} ${H}`,role:"img","aria-label":title});
const all=lines.flatMap(l=>l.points);
const range=(k,a)=>{const v=all.map(p=>p[k]).filter(x=>!a.log||x>0);const hi=Math.max(...v),lo=a.log?Math.min(...v):0;return a.log?[Math.log10(lo),Math.log10(hi*1.05)]:[0,hi*1.05||1];};
const scale=(k,a,from,to)=>{const [lo,hi]=range(k,a);return v=>from+((a.log?Math.log10(v):v)-lo)/((hi-lo)||1)*(to-from);};
const X=scale(0,axes.x,L,W-R),Y=scale(1,axes.y,H-B,T);
const ticks=(k,a)=>{const [lo,hi]=range(k,a);if(a.ticks)return a.ticks.filter(v=>Math.log10(v)<=hi+1e-9&&Math.log10(v)>=lo-1e-9);
if(!a.log)return linear(hi,6).filter(v=>v<=hi);const t=[];for(let d=Math.floor(lo);d<=hi;d++)for(const m of [1,2,5]){const v=m*10**d;if(Math.log10(v)>=lo&&Math.log10(v)<=hi)t.push(v);}return t;};
for(const v of ticks(0,axes.x)){node(svg,"line",{x1:X(v),x2:X(v),y1:T,y2:H-B,stroke:"#e6e9f0"});node(svg,"text",{x:X(v),y:H-B+15,"text-anchor":"middle"},(axes.x.tick||show)(v));}
for(const v of ticks(1,axes.y)){node(svg,"line",{x1:L,x2:W-R,y1:Y(v),y2:Y(v),stroke:"#e6e9f0"});node(svg,"text",{x:L-6,y:Y(v)+4,"text-anchor":"end"},show(v));}
node(svg,"text",{x:(L+W-R)/2,y:H-6,"text-anchor":"middle"},axes.x.label);node(svg,"text",{x:14,y:(T+H-B)/2,"text-anchor":"middle",transform:`rotate(-90 14 ${(T+H-B)/2})`},axes.y.label);
for(const l of lines)node(svg,"polyline",{points:l.points.filter(p=>!axes.y.log||p[1]>0).map(p=>X(p[0]).toFixed(1)+","+Y(p[1]).toFixed(1)).join(" "),fill:"none",stroke:l.colour,"stroke-width":1.8,"stroke-dasharray":l.dash||"none"});}
const share=v=>v===1?"0":String(Number((100-100/v).toPrecision(7)))+" %";
for(const [kind,title] of [["delivery","Latency of deliveries by percentile, from the intended time of sending"],["answer","Latency of answers by percentile, from the intended time of sending"]])
plot(title,runs.map((r,i)=>({colour:colour(i),points:(get(r,["latency_ms",kind,"curve"])||[]).filter(p=>p[0]<1).map(p=>[1/(1-p[0]),p[1]])})),
{x:{log:true,label:"percentile",ticks:[1,2,10,100,1e3,1e4,1e5,1e6,1e7],tick:share},y:{log:true,label:"ms"}});
const series=(field,dash)=>runs.map((r,i)=>({colour:colour(i),dash,points:(r.series||[]).map(s=>[s.t,s[field]])})).filter(l=>l.points.some(p=>p[1]>0));
const time={label:"s since publishing began, warm-up included"};
plot("Deliveries over time",series("delivered_per_s"),{x:time,y:{label:"per s"}});
plot("Publishes over time",series("published_per_s"),{x:time,y:{label:"per s"}});
plot("Latency over time: p99, dashed p50",[...series("p99"),...series("p50","4 3")],{x:time,y:{log:true,label:"ms"}});
plot("Processors over time: server, dashed the load generator",[...series("server_cpu"),...series("own_cpu","4 3")],{x:time,y:{label:"processors"}});
plot("Server's resident memory over time",runs.map((r,i)=>({colour:colour(i),points:(r.series||[]).filter(s=>s.server_bytes).map(s=>[s.t,s.server_bytes/1048576])})),{x:time,y:{label:"MiB"}});
{el("h2","Settings");runs.forEach((r,i)=>{el("p",name(r,i)+": "+Object.entries(r.settings).map(([k,v])=>k+" "+v).join(", "));});}
</script></body></html>
)html";

}  // namespace

std::string to_html(const std::vector<std::string>& runs, const std::vector<std::string>& names) {
  std::string page = head;
  for (std::size_t number = 0; number < runs.size(); ++number) {
    check(runs[number], names[number]);
    page += R"(<script type="application/json" class="run">)";
    append_escaped(page, runs[number]);
    page += "</script>\n";
  }
  return page + script;
}

}  // namespace carillon::loadgen
