module attend

go 1.19
