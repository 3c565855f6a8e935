module carillon/bench/compare_go

go 1.19
