create table orders (order_id text primary key, customer text, amount_cents integer, status text, placed text);
insert into orders values
 ('ORD-1001', 'C-1', 1999, 'shipped', '2026-02-03'),
 ('ORD-1002', 'C-1', 4550, 'late', '2026-02-05'),
 ('ORD-1003', 'C-2', 700, 'late', '2026-02-06'),
 ('ORD-1004', 'C-1', 12, 'late', '2026-02-07'),
 ('ord-1001', 'C-3', 1, 'shipped', '2026-02-08'),
 ('ORD-10O5', 'C-2', 820, 'returned', '2026-02-09'),
 ('ORD-1006', 'C-2', null, 'shipped', null),
 ('ORD 1007', 'C-2', 910, 'shipped', '2026-02-11');
create table items (order_id text, line integer, sku text, price real);
insert into items values ('ORD-1001', 1, 'A', 12.1), ('ORD-1001', 2, 'B', 7.89), ('ORD-1002', 1, 'A', 45.5);
create table tickets (ticket integer primary key, weight real);
insert into tickets values (7, 0.1), (8, 0.2), (9, 1.0);
